-- Birth of a worker, or its return after Redis has lost it.
-- ARGV  name, birth, birth of the dead worker whose place is taken or '', seconds to live,
--       number of queues, those, then fields and values of the hash
-- Reply { 'ok' } or { 'taken', birth, hostname, pid, last_heartbeat, milliseconds the hash lives or -1 }
local name, birth, replaced, ttl = arg(), arg(), arg(), arg()
local key = 'rq:worker:' .. name
local other = try('HMGET', key, 'birth', 'hostname', 'pid', 'last_heartbeat', 'death')
if not other.err and call('EXISTS', key) == 1 and not other[5] and other[1] ~= birth and (other[1] or '') ~= replaced then
  return { 'taken', other[1] or '', other[2] or '', other[3] or '', other[4] or '', tostring(call('PTTL', key)) }
end
local queues = {}
for i = 1, tonumber(arg()) do queues[i] = arg() end
call('SADD', 'rq:workers', key)
call('DEL', key, key .. ':executions')
call('HSET', key, unpack(ARGV, at + 1))
call('EXPIRE', key, ttl)
for _, queue in ipairs(queues) do try('SADD', 'rq:workers:' .. queue, key) end
return { 'ok' }
