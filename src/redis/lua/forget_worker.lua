-- Forgets a registered worker whose hash is gone. A worker of that name that lives, or comes back, is left alone.
-- ARGV  name, then queues on which it may be registered, a few hundred at most
-- Reply 1 if its hash is gone, 0 if not
local key = 'rq:worker:' .. arg()
if call('EXISTS', key) == 1 then return 0 end
try('SREM', 'rq:workers', key)
while at < #ARGV do try('SREM', 'rq:workers:' .. arg(), key) end
return 1
