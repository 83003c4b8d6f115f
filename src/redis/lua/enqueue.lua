-- Puts a new job on its queue.
-- ARGV  id, queue, front 0|1, ttl (seconds) or '', rule 'refuse'|'unique'|'replace', created_at (the moment of the call,
--       to the microsecond: by it a repetition is told), then fields and values of the hash
-- Reply { 'queued' }, { 'repeated' } when this very call was carried out before (its reply was lost),
--       or { 'exists', status of the job that has the id }
local id, queue, front, ttl, rule, created_at = arg(), arg(), arg() == '1', arg(), arg(), arg()
local key = 'rq:job:' .. id
local mark = 'rq:tsrq:enqueued:' .. id
local LIVE = { queued = true, started = true, deferred = true, scheduled = true }

-- Takes the id out of every place that its former life may have left it in.
local function clear(status, origin)
  if status == 'queued' then call('LREM', 'rq:queue:' .. origin, 0, id) end
  for _, registry in ipairs({ 'finished', 'failed', 'canceled', 'deferred', 'scheduled' }) do
    try('ZREM', 'rq:' .. registry .. ':' .. origin, id)
  end
  call('DEL', key)
end

local old = try('HMGET', key, 'status', 'origin', 'created_at', 'data')
if old.err then return redis.error_reply('WRONGTYPE ' .. key .. ' is not a hash') end
if old[3] == created_at then return { 'repeated' } end
if call('GET', mark) == created_at then return { 'repeated' } end
local exists = old[1] or old[4]
if exists and (rule == 'unique' or (LIVE[old[1]] and (rule ~= 'replace' or old[1] == 'started'))) then
  return { 'exists', old[1] or '' }
end
call('SADD', 'rq:queues', 'rq:queue:' .. queue)
if exists then clear(old[1], old[2] or queue) end
call('HSET', key, unpack(ARGV, at + 1))
if ttl ~= '' then expire_job(id, seconds(ttl, -1)) end
-- A job whose result is not kept leaves no hash behind by which a repetition could be told.
if call('HGET', key, 'result_ttl') == '0' then call('SET', mark, created_at, 'EX', 60) end
if not push(queue, id, front) then
  call('DEL', key, mark)
  return redis.error_reply('WRONGTYPE the key of the queue ' .. queue .. ' is not a list')
end
return { 'queued' }
