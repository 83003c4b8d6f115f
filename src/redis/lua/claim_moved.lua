-- Opens the executions of jobs whose ids a blocking wait has moved to intermediate lists; what finds no room, and
-- everything while RQ is suspended, its queue is paused or a limit is met, goes back to the head of its queue.
-- ARGV  worker (read_worker), running id or '', process prefix, how many may start, then queue, its limits and id of each
-- Reply as claim.lua
local w, problem = read_worker()
if not w then return { problem } end
local running = arg()
local claim = new_claim(w, arg())
local room = tonumber(arg())
local holds = read_holds(w.now)

-- An id that must not run is not put back: start_all steps over it.
local function is_dead(id, queue)
  local job = try('HMGET', 'rq:job:' .. id, 'status', 'origin', 'data')
  if job.err then return true end
  return not (job[1] or job[3]) or must_not_run(id, job[1], job[2] or queue) ~= nil
end

-- Whether a limit is met; then the worker is told.
local function is_held(queue)
  local allowed, after = allowance(claim, w, queue, 1)
  if allowed == 0 then hold_back(claim, queue.name, after) end
  return allowed == 0
end

while at < #ARGV do
  local queue, id = { name = arg(), limits = arg() }, arg()
  -- 0: somebody found it stranded and has put it back already.
  if call('LREM', 'rq:queue:' .. queue.name .. ':intermediate', 1, id) == 1 then
    call('DEL', 'rq:queue:' .. queue.name .. ':intermediate:first_seen:' .. id)
    local stays = holds.suspended or (holds.paused and holds.paused[queue.name]) or #claim.jobs >= room or is_held(queue)
    if stays and not is_dead(id, queue.name) then
      call('LPUSH', 'rq:queue:' .. queue.name, id)
    else
      local before = #claim.jobs
      start_all(claim, w, queue.name, { id })
      count_starts(claim, w, queue, before)
    end
  end
end
show_state(w, claim, running, holds.suspended)
return { 'ok', told(holds), 0, claim.jobs, claim.skipped, claim.held }
