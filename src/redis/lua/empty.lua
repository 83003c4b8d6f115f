-- Removes jobs from the head of a queue.
-- ARGV  queue, how many at most
-- Reply { ids taken from the list, jobs whose hash was removed }
local queue, limit = arg(), arg()
local ids = call('LPOP', 'rq:queue:' .. queue, limit) or {}
local removed = 0
for _, id in ipairs(ids) do
  local key = 'rq:job:' .. id
  local status = try('HGET', key, 'status')
  -- A second copy of the id of a job that runs or has ended: that job is not on this queue.
  local elsewhere = status == 'started' or status == 'finished' or status == 'failed' or status == 'stopped'
  if not elsewhere then
    removed = removed + call('DEL', key)
    call('DEL', key .. ':dependents', 'rq:job::' .. id .. ':dependencies')
  end
end
return { #ids, removed }
