-- Removes records of jobs that are gone, and marks of ids that are not between queue and start any more.
-- ARGV  seconds for which a mark must have stood, then for each record its key, the id of its job, and of a mark the
--       intermediate list it belongs to, else ''
-- Reply how many were removed: only those of which all that still holds
local grace = tonumber(arg())
local now = clock()

local function is_old(key)
  local since = try('GET', key)
  since = type(since) == 'string' and tonumber(since)
  return since and now - since > grace
end

-- Whether a job waits in this set for others too.
local function is_waited_in(key)
  if not key:find(':dependents$') then return false end
  local members = try('SRANDMEMBER', key, 100)
  for _, id in ipairs(members.err and {} or members) do
    if try('HGET', 'rq:job:' .. id, 'status') == 'deferred' then return true end
  end
  return false
end

local removed = 0
while at < #ARGV do
  local key, id, list = arg(), arg(), arg()
  local left
  if list ~= '' then
    left = is_old(key) and not try('LPOS', list, id)
  else
    left = call('EXISTS', 'rq:job:' .. id) == 0 and call('PTTL', key) == -1 and not is_waited_in(key)
  end
  if left then removed = removed + call('DEL', key) end
end
return removed
