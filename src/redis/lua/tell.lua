-- Publishes a command for a worker, once.
-- ARGV  worker, message, token of this command
-- Reply how many have heard it; a command that is sent again with its token is not published again
local name, message, token = ARGV[1], ARGV[2], ARGV[3]
local mark = 'rq:tsrq:told:' .. token
local told = redis.call('GET', mark)
if told then return tonumber(told) end
-- If Redis refuses the mark the command is kept back: a second one would end the next job, or a Python worker at once.
redis.call('SET', mark, 0, 'EX', 60)
local heard = redis.call('PUBLISH', 'rq:pubsub:' .. name, message)
redis.call('SET', mark, heard, 'EX', 60)
return heard
