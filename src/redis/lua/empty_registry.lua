-- Removes jobs that a registry lists, with their results. Of one that is elsewhere by its status only the entry goes.
-- ARGV  date (now), registry, queue, token of this emptying, number of this call, then the ids
-- Reply { how many entries are gone, how many of these with their job }; a call that is sent again is not carried out again
local registry, queue, token, number = arg(), arg(), arg(), arg()
local before = repeated_step(token, number)
if before then return before end
local key = 'rq:' .. registry .. ':' .. queue
local entries, jobs = 0, 0

local function discard_listed(id)
  local job = try('HMGET', 'rq:job:' .. id, 'status', 'group_id', 'repeats_left', 'rate_limit_key')
  if job.err then return end
  if job[1] and job[1] ~= registry and not (registry == 'failed' and job[1] == 'stopped') then return end
  local parents = try('SMEMBERS', 'rq:job::' .. id .. ':dependencies')
  for _, parent in ipairs(parents.err and {} or parents) do try('SREM', 'rq:job:' .. parent .. ':dependents', id) end
  jobs = jobs + (discard(id, queue, job[2], job[3], job[4]) and 1 or 0)
  call('DEL', 'rq:executions:' .. id)
end

while at < #ARGV do
  local id = arg()
  -- The first write is a removal, which is not refused when memory is full.
  if call('ZREM', key, id) == 1 then
    entries = entries + 1
    discard_listed(id)
  end
end
return note_step(token, number, entries, jobs)
