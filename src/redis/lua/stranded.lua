-- Puts ids that were moved to an intermediate list and never started back at the head of their queue.
-- ARGV  queue, seconds an id may lie there, how many at the head of the list to pass over, how many to look at
-- Reply { ids put back, ids dropped: they run, or have no job, how many stay of those that were looked at }
local queue, grace, behind, limit = arg(), tonumber(arg()), tonumber(arg()), tonumber(arg())
local _, now_float = clock()
local list = 'rq:queue:' .. queue .. ':intermediate'
local ENDED = { started = true, finished = true, failed = true, stopped = true, canceled = true }
local back, dropped = {}, {}

local function rescue(id, seen)
  local status = try('HGET', 'rq:job:' .. id, 'status')
  if status and not status.err and not ENDED[status] then
    if not push(queue, id, true) then return end
    back[#back + 1] = id
  else
    dropped[#dropped + 1] = id
  end
  call('LREM', list, 1, id)
  call('DEL', seen)
end

local ids = try('LRANGE', list, behind, behind + limit - 1)
if ids.err then ids = {} end
for _, id in ipairs(ids) do
  local seen = list .. ':first_seen:' .. id
  -- RQ's own mark, in RQ's form: whoever sees an id first starts its clock. RQ's stay for a day; seen by a later life of
  -- the same id they would say that it has been lying here since then.
  if not call('SET', seen, now_float, 'EX', 4 * grace + 60, 'NX') then
    local since = tonumber(call('GET', seen) or '')
    if (not since or tonumber(now_float) - since >= grace) and #leases_of(id, queue) == 0 then
      -- A Python worker opens the execution before its child takes the id off this list.
      rescue(id, seen)
    end
  end
end
return { back, dropped, #ids - #back - #dropped }
