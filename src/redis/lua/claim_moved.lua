-- Begins a job whose id a blocking wait has moved: the call stands behind the wait on the same connection, so that Redis goes from one
-- to the other by itself. While RQ is suspended, the queue is paused or a limit is met the id goes back to the head of its queue.
-- It takes the newest id: every wait has such a call behind it, so that it does not matter which of them takes which; and one whose call
-- never came stays where the sweep will see it.
-- ARGV  queue, its limits, worker (read_worker; without a date), process prefix, the last execution that this process has begun, '0' for none, or ''
--       if it does not mark what it begins
-- Reply as claim.lua, or 0: nothing was moved
local queue, limits = arg(), arg()
local between = 'rq:queue:' .. queue .. ':intermediate'
local list = between .. ':tsrq'
local id = call('LRANGE', list, -1, -1)[1]
if not id then return 0 end
local w, problem = read_worker()
if not w then
  if type(try('LPUSH', 'rq:queue:' .. queue, id)) == 'number' then call('LREM', list, -1, id) end
  return { problem }
end
local prefix, begun = arg(), arg()
local claim = new_claim(w, prefix)
local holds = read_holds(w)
-- If the worker dies before it learns of this, the job has not begun (abandoned.lua). The mark lives as long as the worker's own.
if begun ~= '' then call('SET', 'rq:tsrq:begun:' .. prefix, begun, 'EX', 3600, 'NX') end
call('LREM', list, -1, id)
call('DEL', between .. ':first_seen:' .. id)
if limits == '' and holds.told == 0 then start_all(claim, w, queue, { id })
else start_or_put_back(claim, w, holds, 1, { name = queue, limits = limits }, id) end
return conclude(w, claim, '*', holds)
