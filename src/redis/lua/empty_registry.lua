-- Removes jobs that a registry lists, with their results. Of one that is elsewhere by its status only the entry goes.
-- ARGV  registry, queue, token of this emptying, number of this call, then the ids
-- Reply { how many entries are gone, how many of these with their job }; a call that is sent again is not carried out again
local registry, queue, token, number = arg(), arg(), arg(), arg()
local before = repeated_step(token, number)
if before then return before end
local key = 'rq:' .. registry .. ':' .. queue
local entries, jobs = 0, 0

local function discard(id)
  local hash = 'rq:job:' .. id
  local status = try('HGET', hash, 'status')
  if status and status ~= registry and not (registry == 'failed' and status == 'stopped') then return end
  -- Whoever waits for it waits for nothing any more (RQ: a parent that is gone is done).
  local waiting = try('SCARD', hash .. ':dependents')
  if type(waiting) == 'number' and waiting > 0 then set_apart(id, 'finished') end
  local parents = try('SMEMBERS', 'rq:job::' .. id .. ':dependencies')
  for _, parent in ipairs(parents.err and {} or parents) do try('SREM', 'rq:job:' .. parent .. ':dependents', id) end
  jobs = jobs + (call('DEL', hash) == 1 and 1 or 0)
  call('DEL', hash .. ':dependents', 'rq:job::' .. id .. ':dependencies', 'rq:results:' .. id, 'rq:executions:' .. id)
end

while at < #ARGV do
  local id = arg()
  -- The first write is a removal, which is not refused when memory is full.
  if call('ZREM', key, id) == 1 then
    entries = entries + 1
    discard(id)
  end
end
return note_step(token, number, entries, jobs)
