-- Puts ids that were moved to the intermediate list, or by a wait (claim_moved.lua), and never started back at the head of their queue.
-- ARGV  queue, seconds an id may lie there, how many at the head of the intermediate list to pass over, how many to look at
-- Reply { ids put back, ids dropped: they run, or have no job, how many stay of those of the intermediate list }
local queue, grace, behind, limit = arg(), tonumber(arg()), tonumber(arg()), tonumber(arg())
local _, now_float = clock()
local list = 'rq:queue:' .. queue .. ':intermediate'
local ENDED = { started = true, finished = true, failed = true, stopped = true, canceled = true }
local back, dropped = {}, {}

local function rescue(list, id, seen)
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

-- Returns how many stay.
local function look(key, from)
  local ids = try('LRANGE', key, from, from + limit - 1)
  if ids.err then return 0 end
  local before = #back + #dropped
  for _, id in ipairs(ids) do
    local seen = list .. ':first_seen:' .. id
    -- RQ's own mark, in RQ's form: whoever sees an id first starts its clock. RQ's stay for a day; seen by a later life of
    -- the same id they would say that it has been lying here since then.
    if not call('SET', seen, now_float, 'EX', 4 * grace + 60, 'NX') then
      local since = tonumber(call('GET', seen) or '')
      if (not since or tonumber(now_float) - since >= grace) and #leases_of(id, queue) == 0 then
        -- A Python worker opens the execution before its child takes the id off this list.
        rescue(key, id, seen)
      end
    end
  end
  return #ids - (#back + #dropped - before)
end

if behind == 0 then look(list .. ':tsrq', 0) end
local stay = look(list, behind)
return { back, dropped, stay }
