-- Puts ids that were moved to an intermediate list and never started back at the head of their queue.
-- ARGV  queue, seconds an id may lie there, how many at most
-- Reply { ids put back, ids dropped: they run, or have no job }
local queue, grace, limit = arg(), tonumber(arg()), tonumber(arg())
local _, now_float = clock()
local list = 'rq:queue:' .. queue .. ':intermediate'
local ENDED = { started = true, finished = true, failed = true, stopped = true, canceled = true }
local back, dropped = {}, {}

-- A Python worker opens the execution before its child takes the id off this list.
local function is_starting(id)
  local executions = try('ZRANGE', 'rq:executions:' .. id, 0, -1)
  for _, execution in ipairs(executions.err and {} or executions) do
    local score = try('ZSCORE', 'rq:wip:' .. queue, id .. ':' .. execution)
    if score and not score.err then return true end
  end
  return false
end

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

local ids = try('LRANGE', list, 0, limit - 1)
for _, id in ipairs(ids.err and {} or ids) do
  local seen = list .. ':first_seen:' .. id
  -- RQ's own mark, in RQ's form: whoever sees an id first starts its clock.
  if not call('SET', seen, now_float, 'EX', 86400, 'NX') then
    local since = tonumber(call('GET', seen) or '')
    if (not since or tonumber(now_float) - since >= grace) and not is_starting(id) then rescue(id, seen) end
  end
end
return { back, dropped }
