-- Deletes a job, its results and every trace of it. Jobs that wait for it are released: RQ's rule for a parent that is gone.
-- ARGV  id, date (now)
-- Reply { 'deleted', whether release.lua has something to do 0|1 } or { 'gone' }
local id, date = arg(), arg()
local job = try('HMGET', 'rq:job:' .. id, 'status', 'origin', 'rate_limit_key')
if job.err or not (job[1] or job[2]) then return { 'gone' } end
call('HSET', 'rq:job:' .. id, 'status', 'canceled')
take_from_all(id, job[2] or '')
release_dependents(id, 'finished', date)
expire_job(id, 0)
if job[3] then release_slot(job[3], id, clock(), date) end
return { 'deleted', releasing and '1' or '0' }
