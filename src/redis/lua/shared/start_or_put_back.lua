-- The body of start_or_put_back(claim, w, holds, room, queue, id).
-- Begins a job, or puts it back if it may not begin now.

-- An id that must not run is not put back: start_all steps over it.
local function is_dead()
  local job = try('HMGET', 'rq:job:' .. id, 'status', 'origin', 'data')
  if job.err then return true end
  return not (job[1] or job[3]) or must_not_run(id, job[1], job[2] or queue.name) ~= nil
end

-- Whether a limit is met; then the worker is told.
local function is_held()
  local allowed, after = allowance(claim, w, queue, 1)
  if allowed == 0 then hold_back(claim, queue.name, after) end
  return allowed == 0
end

local stays = holds.suspended or (holds.paused and holds.paused[queue.name]) or #claim.jobs >= room or is_held()
if stays and not is_dead() then
  call('LPUSH', 'rq:queue:' .. queue.name, id)
else
  local before = #claim.jobs
  start_all(claim, w, queue.name, { id })
  count_starts(claim, w, queue, before)
end
