-- What putting new jobs on queues has in common.

-- Reads id, queue, flags (of 'front'; 'new', the id is one that nobody can have used; 'brief', its hash goes with its end),
-- ttl (seconds) or '', rule 'refuse'|'unique'|'replace', created_at (the moment of the call, to the microsecond: by it a
-- repetition is told), due (seconds since the epoch) or '', group or '', key of its rate limit or '', how many of that may be
-- queued or run or '', number of parents, those. Flag 'lenient': parents may fail.
local function read_new_job()
  local job = { id = arg(), queue = arg() }
  local flags = arg()
  job.front, job.new, job.brief = flags:find('front') ~= nil, flags:find('new') ~= nil, flags:find('brief') ~= nil
  job.lenient = flags:find('lenient') ~= nil
  job.ttl, job.rule, job.created_at, job.due, job.group = arg(), arg(), arg(), arg(), arg()
  job.limit, job.most = arg(), arg()
  job.parents = {}
  for i = 1, tonumber(arg()) do job.parents[i] = arg() end
  -- It waits for nothing but its turn, and nobody can have its id.
  job.plain = job.new and not job.brief and job.ttl == '' and job.due == '' and job.group == '' and job.limit == ''
    and #job.parents == 0
  return job
end

-- Writes the hash of a job: what RQ always writes, and `fields`, names and values.
local function write_hash(job, status, fields)
  -- Only what is on a queue was enqueued.
  local field, value = 'started_at', ''
  if status == 'queued' then field, value = 'enqueued_at', job.created_at end
  call('HSET', 'rq:job:' .. job.id, 'status', status, 'origin', job.queue, 'created_at', job.created_at, 'started_at', '',
    field, value, 'ended_at', '', 'last_heartbeat', '', 'worker_name', '', 'group_id', job.group,
    'success_callback_name', '', 'failure_callback_name', '', 'stopped_callback_name', '', unpack(fields))
end

-- Puts stored jobs on their queue; false if that key is not a list.
local function push_new(job, ids)
  local key = 'rq:queue:' .. job.queue
  local length = try(job.front and 'LPUSH' or 'RPUSH', key, unpack(ids))
  if type(length) ~= 'number' then return false end
  -- A queue that was not empty is listed already.
  if length == #ids then call('SADD', 'rq:queues', key) end
  return true
end
