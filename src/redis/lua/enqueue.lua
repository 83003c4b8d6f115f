-- Puts a new job on its queue.
-- ARGV  the job (read_new_job), then its whole hash as RESTORE takes it (only for plain jobs), or fields and values of it (write_hash)
-- Reply { 'queued' | 'scheduled' | 'deferred' | 'rate_limited' }, { 'repeated' } when this very call was carried out before (its reply was
--       lost), { 'exists', status of the job that has the id }, or { 'again' }: send fields and values; or { 'undumped' }, as
--       this Redis takes no dumps
local job = read_new_job()
local is_dump = at + 1 == #ARGV
local fields = { unpack(ARGV, at + 1) }
if job.plain and call('EXISTS', 'rq:job:' .. job.id, 'rq:tsrq:enqueued:' .. job.id) == 0 then
  if is_dump then
    local restored = try('RESTORE', 'rq:job:' .. job.id, '0', fields[1])
    if restored.err then
      -- What Redis can do for nobody just now it will say again.
      for word in ('OOM READONLY NOREPLICAS MISCONF'):gmatch('%u+') do
        if restored.err:find(word, 1, true) then return { 'again' } end
      end
      return { 'undumped' }
    end
  else
    write_hash(job, 'queued', fields)
  end
  if push_new(job, { job.id }) then return { 'queued' } end
  call('DEL', 'rq:job:' .. job.id)
end
if is_dump then return { 'again' } end
return store(job, fields)
