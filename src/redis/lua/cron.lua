-- Enqueues the job of an occurrence of a cron entry, unless somebody has.
-- ARGV  entry, what it stands for, moment of the occurrence (seconds since the epoch), RQ's name of the cron job, then the
--       job (read_new_job) and fields and values of its hash (write_job)
-- Reply { 'queued' }, also when this very call was carried out before (its reply was lost); { 'taken', moment that was dealt
--       with last }; { 'early', seconds since the epoch }; or { 'replaced', what the entry stands for now }
local entry, what, moment, name = arg(), arg(), tonumber(arg()), arg()
local key = 'rq:tsrq:cron:' .. entry
local job = read_new_job()
local state = call('HMGET', key, 'what', 'done', 'job')
if state[1] and state[1] ~= what then return { 'replaced', state[1] } end
if tonumber(state[2] or '') and tonumber(state[2]) >= moment then
  if state[3] == job.id then return { 'queued' } end
  return { 'taken', state[2] }
end
local now, now_float = clock()
if now < moment then return { 'early', now_float } end
local ok, found = pcall(make_room, job)
if not ok then return redis.error_reply(found.err or found) end
write_job(job, { unpack(ARGV, at + 1) })
local problem = push_jobs(job, { job.id })
if problem then return redis.error_reply(problem) end
call('HSET', key, 'what', what, 'done', moment, 'job', job.id)
call('EXPIRE', key, 34560000)
-- RQ 2.12: the jobs of a cron job, the last thousand, for a year.
local history = 'rq:cron_job:' .. name .. ':jobs'
try('ZADD', history, now_float, job.id)
try('ZREMRANGEBYRANK', history, 0, -1001)
try('EXPIRE', history, 31536000)
try('ZADD', 'rq:cron_jobs', now_float, name)
return { 'queued' }
