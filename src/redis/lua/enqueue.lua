-- Puts a new job on its queue.
-- ARGV  id, queue, flags (of 'front'; 'new', the id is one that nobody can have used; 'brief', its hash goes with its end),
--       ttl (seconds) or '', rule 'refuse'|'unique'|'replace', created_at (the moment of the call, to the microsecond: by it a repetition is told),
--       then fields and values of the hash
-- Reply { 'queued' }, { 'repeated' } when this very call was carried out before (its reply was lost),
--       or { 'exists', status of the job that has the id }
local id, queue, flags, ttl, rule, created_at = arg(), arg(), arg(), arg(), arg(), arg()
local key = 'rq:job:' .. id
local LIVE = { queued = true, started = true, deferred = true, scheduled = true }

-- Takes the id out of every place that its former life may have left it in.
local function clear(status, origin)
  if status == 'queued' then call('LREM', 'rq:queue:' .. origin, 0, id) end
  for _, registry in ipairs({ 'finished', 'failed', 'canceled', 'deferred', 'scheduled' }) do
    try('ZREM', 'rq:' .. registry .. ':' .. origin, id)
  end
  call('DEL', key)
end

-- What a job that was replaced, canceled or deleted leaves where its status does not point: an id that a wait has moved,
-- executions that go on. The new job must not be listed twice, nor be ended by a run of the former.
local function cut_off(origin)
  local list = 'rq:queue:' .. origin .. ':intermediate'
  if try('LREM', list, 0, id) ~= 0 then call('DEL', list .. ':first_seen:' .. id) end
  for _, execution in ipairs(leases_of(id, origin)) do call('ZREM', 'rq:wip:' .. origin, execution[1]) end
end

local old = try('HMGET', key, 'status', 'origin', 'created_at', 'data')
if old.err then return redis.error_reply('WRONGTYPE ' .. key .. ' is not a hash') end
if old[3] == created_at then return { 'repeated' } end
if not old[3] and call('GET', 'rq:tsrq:enqueued:' .. id) == created_at then return { 'repeated' } end
local exists = old[1] or old[4]
if exists and (rule == 'unique' or (LIVE[old[1]] and (rule ~= 'replace' or old[1] == 'started'))) then
  return { 'exists', old[1] or '' }
end
-- The first write: Redis refuses it when it can refuse any.
call('SADD', 'rq:queues', 'rq:queue:' .. queue)
if exists then clear(old[1], old[2] or queue) end
if not flags:find('new') then cut_off(exists and old[2] or queue) end
call('HSET', key, unpack(ARGV, at + 1))
if ttl ~= '' then expire_job(id, seconds(ttl, -1)) end
-- Whoever runs it leaves nothing by which a repetition could be told.
if flags:find('brief') then call('SET', 'rq:tsrq:enqueued:' .. id, created_at, 'EX', 60) end
if not push(queue, id, flags:find('front') ~= nil) then
  call('DEL', key, 'rq:tsrq:enqueued:' .. id)
  return redis.error_reply('WRONGTYPE the key of the queue ' .. queue .. ' is not a list')
end
return { 'queued' }
