-- Puts a new job that waits for nothing but its turn on its queue, its hash in one piece: what most are, without the rest of enqueue.lua.
-- ARGV  id (one that nobody can have used), queue, flags (read_new_job: of 'front'), its hash as RESTORE takes it
-- Reply 'queued'; or nothing was done: 'again', send it to enqueue.lua, which says why; 'undumped', the same, as this Redis takes no dumps
local id, queue, flags, dump = unpack(ARGV)
local key, list = 'rq:job:' .. id, 'rq:queue:' .. queue
local restored = redis.pcall('RESTORE', key, '0', dump)
if restored.err then
  -- It is there: this call was carried out before. Or Redis can do nothing for anybody just now.
  for word in ('BUSYKEY OOM READONLY NOREPLICAS MISCONF'):gmatch('%u+') do
    if restored.err:find(word, 1, true) then return 'again' end
  end
  return 'undumped'
end
local length = redis.pcall(flags:find('front', 1, true) and 'LPUSH' or 'RPUSH', list, id)
if type(length) ~= 'number' then
  redis.call('DEL', key)
  return 'again'
end
-- A queue that was not empty is listed already.
if length == 1 then redis.call('SADD', 'rq:queues', list) end
return 'queued'
