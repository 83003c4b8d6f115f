-- Birth and heartbeat of a cron scheduler: it is registered as RQ's.
-- ARGV  name, then fields and values of its hash
-- Reply now, seconds since the epoch
local name = arg()
local _, now = clock()
local key = 'rq:cron_scheduler:' .. name
call('HSET', key, unpack(ARGV, at + 1))
call('EXPIRE', key, 120)
call('ZADD', 'rq:cron_schedulers', now, name)
return now
