-- Writes down what a worker tells of itself.
-- ARGV  name, birth, then fields and values
-- Reply 1, or 0 if the name is not ours
local name, birth = arg(), arg()
local key = 'rq:worker:' .. name
if try('HGET', key, 'birth') ~= birth then return 0 end
call('HSET', key, unpack(ARGV, at + 1))
return 1
