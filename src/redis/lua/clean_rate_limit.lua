-- Frees slots of an RQ 3 rate limit whose jobs need none, gives free ones to jobs that wait, and forgets a limit that has
-- no jobs. (See shared/slot.lua.)
-- ARGV  rate limit key, date (now), how many slots to look at
-- Reply how many were freed
local key, date, limit = arg(), arg(), tonumber(arg())
local now = clock()
local allowed, waiting = 'rq:rl:' .. key .. ':allowed', 'rq:rl:' .. key .. ':rate_limited'
local freed = 0
local ids = try('ZRANGE', allowed, 0, limit - 1)
for _, id in ipairs(ids.err and {} or ids) do
  local job = try('HMGET', 'rq:job:' .. id, 'status')
  -- A canceled job may run on for a while.
  local runs = try('ZCOUNT', 'rq:executions:' .. id, '(' .. now, '+inf')
  if job[1] ~= 'queued' and job[1] ~= 'started' and runs == 0 then
    call('ZREM', allowed, id)
    freed = freed + 1
  end
end
fill_slots(key, now, date)
if call('EXISTS', allowed, waiting) == 0 then
  call('DEL', 'rq:rl:' .. key)
  try('SREM', 'rq:rl-keys', key)
end
return freed
