-- What ending an execution has in common.

local FAILURE_TTL = 31536000

-- Seconds until the next attempt, after RQ: the first interval is repeated when there are more retries than intervals.
local function retry_interval(intervals, retries_left)
  local ok, list = pcall(cjson.decode, intervals or '[]')
  if not ok or type(list) ~= 'table' or #list == 0 then return 0 end
  return tonumber(list[math.max(#list - retries_left, 0) + 1]) or 0
end

-- Puts a job that ran where it waits for its next run: on its queue, or in the scheduled registry for `interval` seconds.
-- `ttl`: of the job, as stored. Returns the seconds to wait; nil if it has no place to go to.
local function run_again(w, queue, id, interval, front, ttl)
  local key = 'rq:job:' .. id
  if interval > 0 and type(try('ZADD', 'rq:scheduled:' .. queue, math.floor(w.now + interval), id)) == 'number' then
    call('SADD', 'rq:queues', 'rq:queue:' .. queue)
    call('HSET', key, 'status', 'scheduled')
    return interval
  end
  if not push(queue, id, front) then return nil end
  call('HSET', key, 'status', 'queued', 'enqueued_at', w.date)
  ttl = seconds(ttl)
  if ttl and ttl > 0 then expire_job(id, ttl) end
  return 0
end

-- Errors of retried attempts that a job keeps, and characters of each: it is base64 of a zlib stream, which can be read as far
-- as it goes.
local KEPT_ERRORS, ERROR_SIZE = 5, 8192

-- RQ forgets why a job was retried. Here it stays with the job, in fields that Python ignores. `attempt`: { ended_at,
-- execution, error, worker }.
local function keep_error(id, attempt)
  local key = 'rq:job:' .. id
  -- Where none is, or the oldest: each begins with its date.
  local place, oldest
  for i = 1, KEPT_ERRORS do
    local before = call('HGET', key, 'retry_error_' .. i)
    if not before then place = i break end
    if not oldest or before < oldest then place, oldest = i, before end
  end
  attempt[3] = attempt[3]:sub(1, ERROR_SIZE)
  call('HSET', key, 'retry_error_' .. place, table.concat(attempt, ' '))
end

-- Schedules another attempt if the job has one left. Returns 'retried', the seconds to wait and the retries left after it.
local function retry(w, queue, id, ended_fields, attempt)
  local key = 'rq:job:' .. id
  local r = call('HMGET', key, 'retries_left', 'retry_intervals', 'enqueue_at_front_on_retry', 'ttl')
  local left = tonumber(r[1] or '')
  if not left or left <= 0 then return nil end
  -- Without a queue to go back to it is failed, where it can be found.
  local wait = run_again(w, queue, id, retry_interval(r[2], left), r[3] == '1', r[4])
  if not wait then return nil end
  -- How many there were in all: RQ does not keep it, a requeue that restores the retries needs it.
  call('HSETNX', key, 'retries_max', left)
  call('HSET', key, 'retries_left', left - 1, unpack(ended_fields))
  keep_error(id, attempt)
  return { 'retried', wait, left - 1 }
end

-- How long the results of a job are kept; -1: for ever. Redis makes room of 4 KB for the first entry of a stream; what was
-- restored takes what it needs.
local function keep_results(key, ttl)
  local dumped = try('DUMP', key)
  if type(dumped) == 'string' then
    local restored = try('RESTORE', key, math.max(0, ttl) * 1000, dumped, 'REPLACE')
    if not restored.err then return end
  end
  if ttl > 0 then call('EXPIRE', key, ttl) else call('PERSIST', key) end
end

-- Stores the result of a run that succeeded. `o.dump`: the stream with that one entry, as RESTORE takes it; nil where the entry
-- is made here. False if Redis takes no dumps: then nothing is written.
local function add_success(w, o, ttl)
  local results = 'rq:results:' .. o.id
  local entry
  if o.dump then
    if try('RESTORE', results, math.max(0, ttl) * 1000, o.dump).ok then return true end
    -- There are results of former runs: this one goes with them.
    local spare = 'rq:tsrq:result:' .. o.id
    if not try('RESTORE', spare, 1000, o.dump, 'REPLACE').ok then return false end
    local entries = try('XRANGE', spare, '-', '+')
    call('DEL', spare)
    if not entries[1] then return false end
    entry = entries[1][2]
  else
    entry = { 'type', 1, 'worker_name', w.name, 'execution_id', o.execution, 'execution_started_at', o.started,
      'execution_ended_at', o.ended }
    if o.value ~= '' then entry[#entry + 1], entry[#entry + 2] = 'return_value', o.value end
  end
  try('XADD', results, 'MAXLEN', '~', 10, '*', unpack(entry))
  keep_results(results, ttl)
  return true
end

-- Records the end of a job that failed for good or was stopped. `type`: of its result, unless it is a failure.
local function fail(w, queue, id, status, ended_fields, result_fields, type)
  local key = 'rq:job:' .. id
  local stored = call('HMGET', key, 'failure_ttl', 'dependency_ids', 'dependency_id', 'tsrq_log')
  local ttl = seconds(stored[1], FAILURE_TTL)
  call('HSET', key, 'status', status, unpack(ended_fields))
  if ttl ~= 0 then
    try('XADD', 'rq:results:' .. id, 'MAXLEN', '~', 10, '*', 'type', type or 2, unpack(result_fields))
    -- RQ forgets to expire the results of a job without a failure_ttl of its own.
    keep_results('rq:results:' .. id, ttl)
    try('ZADD', 'rq:failed:' .. queue, ttl < 0 and -1 or w.now + ttl, id)
  end
  local childless = release_dependents(id, status, w.date)
  expire_job(id, ttl, childless and not stored[2] and not stored[3], stored[4])
  return { status }
end

-- What RQ does when a function returns a Retry: another attempt, unless there were `o.retry.max`. Then it has failed.
local function retry_as_asked(w, o, ended_fields, result_fields)
  local key = 'rq:job:' .. o.id
  local stored = call('HMGET', key, 'number_of_retries', 'failure_ttl', 'ttl')
  local number = tonumber(stored[1] or '') or 0
  if o.retry.value ~= '' then
    result_fields[#result_fields + 1], result_fields[#result_fields + 2] = 'return_value', o.retry.value
  end
  local intervals = o.retry.intervals
  local wait = number < o.retry.max
    and run_again(w, o.queue, o.id, intervals[math.min(#intervals, number + 1)] or 0, false, stored[3])
  if not wait then return fail(w, o.queue, o.id, 'failed', ended_fields, result_fields, 5) end
  call('HSET', key, 'number_of_retries', number + 1, unpack(ended_fields))
  local ttl = seconds(stored[2], FAILURE_TTL)
  if ttl ~= 0 then
    try('XADD', 'rq:results:' .. o.id, 'MAXLEN', '~', 10, '*', 'type', 4, unpack(result_fields))
    keep_results('rq:results:' .. o.id, ttl)
  end
  if o.value ~= '' then keep_error(o.id, { o.ended_at, o.execution, o.value, w.name }) end
  return { 'retried', wait, math.max(0, o.retry.max - number - 1) }
end

-- Another run of a job that has `left` repeats, as RQ's `Repeat`: the intervals are used from the end of the list, and where it is too short the
-- last one. Returns the seconds to wait and the repeats left after it; nil if it has no queue to go back to.
local function repeat_job(w, o, left)
  local key = 'rq:job:' .. o.id
  local stored = call('HMGET', key, 'repeat_intervals', 'ttl')
  local ok, list = pcall(cjson.decode, stored[1] or '[]')
  if not ok or type(list) ~= 'table' then list = {} end
  local wait = run_again(w, o.queue, o.id, tonumber(list[math.min(left, #list)]) or 0, false, stored[2])
  if wait then call('HSET', key, 'repeats_left', left - 1, 'started_at', o.started_at, 'ended_at', o.ended_at) end
  return wait, left - 1
end

-- Records a success. `batch` gathers what is written once for all. `job`: of its hash, see end_all.
local function succeed(w, o, batch, job)
  local key = 'rq:job:' .. o.id
  local ttl = seconds(o.ttl, 0)
  if ttl ~= 0 then
    if not add_success(w, o, ttl) then
      try('ZADD', 'rq:wip:' .. o.queue, w.now + w.interval + 60, o.id .. ':' .. o.execution)
      return { 'refused' }
    end
    call('HSET', key, 'status', 'finished', 'started_at', o.started_at, 'ended_at', o.ended_at,
      'last_heartbeat', o.ended_at)
    local list = batch.finished[o.queue] or {}
    batch.finished[o.queue] = list
    list[#list + 1] = ttl < 0 and '+inf' or w.now + ttl
    list[#list + 1] = o.id
  end
  if not batch.childless then release_dependents(o.id, 'finished', w.date) end
  local repeats = tonumber(job[5] or '') or 0
  if repeats > 0 then
    local wait, left = repeat_job(w, o, repeats)
    if wait then return { 'finished', wait, left } end
  end
  expire_job(o.id, ttl, batch.childless and not job[2] and not job[3], job[7])
  return { 'finished' }
end

-- Gives a job that was claimed but never begun back to the head of its queue.
local function give_back(w, o, ended_fields, result_fields)
  if not push(o.queue, o.id, true) then return fail(w, o.queue, o.id, 'failed', ended_fields, result_fields) end
  local key = 'rq:job:' .. o.id
  call('HSET', key, 'status', 'queued', 'started_at', '', 'worker_name', '')
  local ttl = seconds(call('HGET', key, 'ttl'))
  if ttl and ttl > 0 then expire_job(o.id, ttl) end
  return { 'returned' }
end

-- Records how one execution ended that is out of the started registry now. `job`: of its hash, see end_all.
local function end_one(w, o, job, batch)
  if o.announced then
    call('DEL', 'rq:execution:' .. o.id .. ':' .. o.execution)
    try('ZREM', 'rq:executions:' .. o.id, o.execution)
    try('SREM', w.key .. ':executions', o.id .. ':' .. o.execution)
  end
  -- A job that was deleted or canceled while it ran stays so.
  if job[1] ~= 'started' then return { 'lost', job[1] or '' } end
  if o.kind == 'finished' then return succeed(w, o, batch, job) end
  local ended = { 'started_at', o.started_at, 'ended_at', o.ended_at, 'last_heartbeat', o.ended_at }
  local result = { 'worker_name', w.name }
  if o.value ~= '' then result[3], result[4] = 'exc_string', o.value end
  for _, item in ipairs({ 'execution_id', o.execution, 'execution_started_at', o.started,
    'execution_ended_at', o.ended }) do
    result[#result + 1] = item
  end
  if o.kind == 'returned' then return give_back(w, o, ended, result) end
  if o.kind == 'retry' then return retry_as_asked(w, o, ended, result) end
  local again = o.kind == 'failed' and retry(w, o.queue, o.id, ended, { o.ended_at, o.execution, o.value, w.name })
  return again or fail(w, o.queue, o.id, o.kind, ended, result)
end

-- Whether a job is neither queued nor running any more.
local function needs_no_slot(ending)
  local word, detail = ending[1], ending[2]
  if word == 'retried' then return detail > 0 end
  -- One that is repeated at once is queued again.
  if word == 'finished' then return detail ~= 0 end
  if word == 'lost' then return detail ~= 'queued' and detail ~= 'started' end
  return word ~= 'returned' and word ~= 'repeated' and word ~= 'refused'
end

-- Takes the executions out of the started registries, and notes which of them were there. Those of `present` known are out.
local function take_out(outcomes)
  local by_queue = {}
  for _, o in ipairs(outcomes) do
    if o.present == nil then
      local list = by_queue[o.queue] or { members = {}, outcomes = {} }
      by_queue[o.queue] = list
      list.members[#list.members + 1] = o.id .. ':' .. o.execution
      list.outcomes[#list.outcomes + 1] = o
    end
  end
  for queue, list in pairs(by_queue) do
    local scores = try('ZMSCORE', 'rq:wip:' .. queue, unpack(list.members))
    if not scores.err then
      for k, o in ipairs(list.outcomes) do o.present = scores[k] and true or false end
      call('ZREM', 'rq:wip:' .. queue, unpack(list.members))
    end
  end
end

-- Whether nobody waits for any of these jobs, and whether RQ is suspended or a queue paused: mostly neither, and one question
-- tells.
local function all_childless(outcomes)
  local keys = { 'rq:suspended', 'rq:tsrq:paused' }
  for i, o in ipairs(outcomes) do keys[i + 2] = 'rq:job:' .. o.id .. ':dependents' end
  if call('EXISTS', unpack(keys)) == 0 then return true, false end
  return false, call('EXISTS', 'rq:suspended', 'rq:tsrq:paused') > 0
end

-- Ends executions. Returns for each a list whose first item is
-- 'finished' (+ seconds, repeats left, if it is repeated) | 'failed' | 'stopped' | 'retried' (+ seconds, retries left) | 'returned',
-- 'repeated' when this very outcome was recorded before (its reply was lost),
-- 'refused' when it is to be told without a dump, because Redis takes none (it goes on), or
-- 'lost' (+ the job's status now) when the execution is not ours any more: then nothing was changed.
-- Returns too whether RQ is suspended or a queue paused.
local function end_all(w, outcomes)
  local endings = {}
  take_out(outcomes)
  local batch = { finished = {} }
  local held
  batch.childless, held = all_childless(outcomes)
  for i, o in ipairs(outcomes) do
    local job = try('HMGET', 'rq:job:' .. o.id, 'status', 'dependency_ids', 'dependency_id', 'ended_at',
      'repeats_left', 'rate_limit_key', 'tsrq_log')
    if job.err then job = {} end
    if o.present then
      endings[i] = end_one(w, o, job, batch)
    elseif job[4] and job[4] ~= '' and job[4] == o.ended_at then
      endings[i] = { 'repeated' }
    else
      endings[i] = { 'lost', job[1] or '' }
    end
    if job[6] and needs_no_slot(endings[i]) then release_slot(job[6], o.id, w.now, o.ended_at) end
  end
  for queue, list in pairs(batch.finished) do try('ZADD', 'rq:finished:' .. queue, unpack(list)) end
  return endings, held
end
