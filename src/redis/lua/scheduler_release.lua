-- Gives up the scheduler locks that are still ours.
-- ARGV  name of the scheduler, then queues
-- Reply how many they were
local name = arg()
local released = 0
for queue in arg do
  local lock = 'rq:scheduler-lock:' .. queue
  if try('GET', lock) == name then released = released + call('DEL', lock) end
end
call('DEL', 'rq:scheduler:' .. name)
return released
