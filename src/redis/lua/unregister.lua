-- Death of a worker; does nothing to another worker that has taken the name.
-- ARGV  name, birth, date, then its queues
-- Reply 1, or 0 if the name is not ours
local name, birth, date = arg(), arg(), arg()
local key = 'rq:worker:' .. name
if try('HGET', key, 'birth') ~= birth then return 0 end
call('HSET', key, 'death', date)
call('HDEL', key, 'current_job')
call('EXPIRE', key, 60)
call('DEL', key .. ':executions')
-- What is of a wrong type holds no names of workers.
try('SREM', 'rq:workers', key)
while at < #ARGV do try('SREM', 'rq:workers:' .. arg(), key) end
return 1
