-- Puts a new job on its queue.
-- ARGV  the job (read_new_job), then fields and values of its hash (write_job)
-- Reply { 'queued' | 'scheduled' | 'deferred' | 'rate_limited' }, { 'repeated' } when this very call was carried out before (its reply was
--       lost), or { 'exists', status of the job that has the id }
local job = read_new_job()
local ok, found = pcall(make_room, job)
if not ok then return redis.error_reply(found.err or found) end
if found then return found end
local status = write_job(job, { unpack(ARGV, at + 1) })
local problem
if status == 'queued' then problem = push_jobs(job, { job.id }) else problem, status = hold(job, status) end
return problem and redis.error_reply(problem) or { status }
