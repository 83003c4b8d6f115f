-- Writes the meta of a job, whatever its state; refused when there is no such job: a hash with meta alone would be none.
-- ARGV  id, meta
-- Reply 1 or 0
local key, meta = 'rq:job:' .. arg(), arg()
if not call('HGET', key, 'created_at') then return 0 end
call('HSET', key, 'meta', meta)
return 1
