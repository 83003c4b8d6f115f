-- The body of store(job, fields).
-- Puts any new job where it belongs; the reply.
local ok, found = pcall(make_room, job)
if not ok then return redis.error_reply(found.err or found) end
if found then return found end
local status = write_job(job, fields)
local problem
if status == 'queued' then problem = push_jobs(job, { job.id }) else problem, status = hold(job, status) end
return problem and redis.error_reply(problem) or { status }
