-- Opens the executions of jobs whose ids a blocking wait has moved to intermediate lists; what finds no room, and
-- everything while RQ is suspended, its queue is paused or a limit is met, goes back to the head of its queue.
-- ARGV  worker (read_worker), running id or '', process prefix, how many may start, then queue, its limits and id of each
-- Reply as claim.lua
local w, problem = read_worker()
if not w then return { problem } end
local running = arg()
local claim = new_claim(w, arg())
local room = tonumber(arg())
local holds = read_holds(w)

while at < #ARGV do
  local queue, limits, id = arg(), arg(), arg()
  local list = 'rq:queue:' .. queue .. ':intermediate'
  -- 0: somebody found it stranded and has put it back already.
  if call('LREM', list, 1, id) == 1 then
    call('DEL', list .. ':first_seen:' .. id)
    local is_free = not (holds.suspended or holds.paused) and limits == '' and #claim.jobs < room
    if is_free then start_all(claim, w, queue, { id })
    else start_or_put_back(claim, w, holds, room, { name = queue, limits = limits }, id) end
  end
end
return conclude(w, claim, running, holds)
