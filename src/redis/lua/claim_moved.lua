-- Opens the executions of jobs whose ids a blocking wait has moved to intermediate lists; what finds no room, and
-- everything while RQ is suspended or its queue is paused, goes back to the head of its queue.
-- ARGV  worker (read_worker), running id or '', process prefix, how many may start, then queue and id of each
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

while at < #ARGV do
  local queue, id = arg(), arg()
  -- 0: somebody found it stranded and has put it back already.
  if call('LREM', 'rq:queue:' .. queue .. ':intermediate', 1, id) == 1 then
    call('DEL', 'rq:queue:' .. queue .. ':intermediate:first_seen:' .. id)
    local held = holds.suspended or (holds.paused and holds.paused[queue])
    if (held or #claim.jobs >= room) and not is_dead(id, queue) then
      call('LPUSH', 'rq:queue:' .. queue, id)
    else
      start_all(claim, w, queue, { id })
    end
  end
end
show_state(w, claim, running, holds.suspended)
return { 'ok', told(holds), 0, claim.jobs, claim.skipped }
