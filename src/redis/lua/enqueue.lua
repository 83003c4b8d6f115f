-- Puts a new job on its queue.
-- ARGV  the job (read_new_job), then fields and values of its hash (write_hash)
-- Reply { 'queued' | 'scheduled' | 'deferred' | 'rate_limited' }, { 'repeated' } when this very call was carried out before (its reply was
--       lost), or { 'exists', status of the job that has the id }
local job = read_new_job()
local fields = { unpack(ARGV, at + 1) }
if job.plain and call('EXISTS', 'rq:job:' .. job.id, 'rq:tsrq:enqueued:' .. job.id) == 0 then
  write_hash(job, 'queued', fields)
  if push_new(job, { job.id }) then return { 'queued' } end
  call('DEL', 'rq:job:' .. job.id)
end
return store(job, fields)
