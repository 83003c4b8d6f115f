-- Cancels a job that has not ended.
-- ARGV  id, date (now), whether the jobs that wait for it are released 0|1
-- Reply { 'canceled', whether release.lua has something to do 0|1 }, { 'gone' }, or { 'ended', its status }
local id, date, release = arg(), arg(), arg() == '1'
local key = 'rq:job:' .. id
local job = try('HMGET', key, 'status', 'origin', 'rate_limit_key')
if job.err or not (job[1] or job[2]) then return { 'gone' } end
local ENDED = { finished = true, failed = true, stopped = true, canceled = true }
if ENDED[job[1]] then return { 'ended', job[1] } end
local origin = job[2] or ''
call('HSET', key, 'status', 'canceled')
take_from_all(id, origin)
local now = clock()
try('ZADD', 'rq:canceled:' .. origin, now, id)
-- One that runs keeps its slot until it is given up.
if job[3] and job[1] ~= 'started' then release_slot(job[3], id, now, date) end
if release then release_dependents(id, 'finished', date) end
return { 'canceled', releasing and '1' or '0' }
