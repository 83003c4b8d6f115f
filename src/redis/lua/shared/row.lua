-- The row of a job, as a worker gets it.

-- What `read_job` reads: first what a worker always gets, then what claiming asks, then what only few jobs have.
local STATUS, ORIGIN, TTL, LAST_HEARTBEAT, RARE, LAST = 10, 11, 12, 13, 14, 23
-- Where in a row what make_row adds stands.
local ID, EXECUTION = 10, 11

-- Bytes of payload and meta that one job may have.
local MAX_BYTES = 67108864

-- The last are five fields that a worker gets too, and those by which the end of a job knows that there is more to do than
-- to write down a result.
local function read_job(id)
  return try('HMGET', 'rq:job:' .. id, 'data', 'meta', 'timeout', 'result_ttl', 'description', 'created_at', 'enqueued_at',
    'retries_left', 'retries_max', 'status', 'origin', 'ttl', 'last_heartbeat',
    'number_of_retries', 'webhooks', 'success_callback_name', 'failure_callback_name', 'stopped_callback_name',
    'dependency_ids', 'dependency_id', 'repeats_left', 'rate_limit_key', 'tsrq_log')
end

-- Makes the row of a job of what `read_job` has found: what a worker always gets, id, execution, origin, and if it has any of
-- what few have, what more_of returns. Of a payload and meta that no worker should have to hold only their length, as an integer
-- in the payload's place.
local function make_row(job, id, execution, origin)
  local bytes = (job[1] and #job[1] or 0) + (job[2] and #job[2] or 0)
  if bytes > MAX_BYTES then job[1], job[2] = bytes, false end
  local more = nil
  for i = RARE, LAST do
    if job[i] and job[i] ~= '' then more = more_of(job, id) break end
  end
  job[10], job[11], job[12], job[13] = id, execution, origin, more
  for i = 14, LAST do job[i] = nil end
end
