-- Puts failed jobs back on their queues.
-- ARGV  date (now), front 0|1, keep retries 0|1, default origin: the queue of the failed registry, then the ids
-- Reply per id { 'requeued', queue } | { 'repeated' } | { 'gone' } (its job does not exist: the entry is removed)
--       | { 'not_failed', status, stays } | { 'unusable', reason, stays }; stays '1': its entry is still in the registry
local date, front, keep_retries, registry = arg(), arg() == '1', arg() == '1', arg()
local results = {}

local function requeue(id)
  local failed, key = 'rq:failed:' .. registry, 'rq:job:' .. id
  local job = try('HMGET', key, 'status', 'origin', 'data', 'enqueued_at', 'ttl', 'rate_limit_key',
    'rate_limit_concurrency')
  if not call('ZSCORE', failed, id) then
    -- It may run already, or have ended.
    if not job.err and job[4] == date then return { 'repeated' } end
    return { 'not_failed', not job.err and job[1] or '', '0' }
  end
  if job.err then return { 'unusable', 'its key is not a hash', '1' } end
  if not job[1] and not job[3] and call('EXISTS', key) == 0 then
    call('ZREM', failed, id)
    return { 'gone' }
  end
  if not id:find('^[%w_%-]+$') then return { 'unusable', 'the id has characters that RQ refuses', '1' } end
  if not job[3] then return { 'unusable', 'it has no data', '1' } end
  if job[1] == 'started' or job[1] == 'queued' or job[1] == 'scheduled' or job[1] == 'deferred' then
    -- A stale entry: the job lives elsewhere, a second copy would run it twice.
    return { 'not_failed', job[1], '1' }
  end
  local origin = job[2]
  if not origin or origin == '' then origin = registry end
  if not place(id, origin, front, job[6], job[7], clock(), date) then
    return { 'unusable', 'the key of its queue is not a list, or its rate limit has none', '1' }
  end
  call('HSET', key, 'started_at', '', 'ended_at', '', 'origin', origin)
  call('HDEL', key, 'exc_info')
  if not keep_retries then
    local max = call('HGET', key, 'retries_max')
    if max then call('HSET', key, 'retries_left', max) end
    -- Those that it has asked for itself.
    call('HDEL', key, 'number_of_retries')
  end
  -- The failure TTL must not end a job that waits; its own ttl begins anew.
  call('PERSIST', key)
  call('PERSIST', 'rq:job:' .. id .. ':dependents')
  call('PERSIST', 'rq:job::' .. id .. ':dependencies')
  local ttl = seconds(job[5])
  if ttl and ttl > 0 then expire_job(id, ttl) end
  call('ZREM', failed, id)
  return { 'requeued', origin }
end

while at < #ARGV do results[#results + 1] = requeue(arg()) end
return results
