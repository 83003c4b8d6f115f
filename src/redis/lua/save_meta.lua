-- Writes the meta of a running job; refused when the execution is not the caller's any more.
-- ARGV  id, execution, queue, meta
-- Reply 1 or 0
local id, execution, queue, meta = arg(), arg(), arg(), arg()
if not call('ZSCORE', 'rq:wip:' .. queue, id .. ':' .. execution) then return 0 end
if call('EXISTS', 'rq:job:' .. id) == 0 then return 0 end
call('HSET', 'rq:job:' .. id, 'meta', meta)
return 1
