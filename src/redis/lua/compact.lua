-- Drops ids whose job is gone from a queue, looking from its end towards its head: what workers take meanwhile, and what is
-- enqueued, does no harm.
-- ARGV  queue, how many ids at its end were looked at before and stay, how many to look at
-- Reply { how many were looked at, how many of these were dropped }
local queue, behind, count = arg(), tonumber(arg()), tonumber(arg())
local key = 'rq:queue:' .. queue
-- So many entries of the list may be passed over to find those that are dropped: a few milliseconds.
local STEPS = 200000
local length = call('LLEN', key)
local ids = call('LRANGE', key, -(behind + count), -(behind + 1))
local looked, dropped, steps = 0, 0, 0
for i = #ids, 1, -1 do
  if steps >= STEPS then break end
  looked = looked + 1
  if call('EXISTS', 'rq:job:' .. ids[i]) == 0 then
    local from_end = behind + looked - dropped
    local from_head = length - dropped - from_end
    steps = steps + math.min(from_end, from_head)
    dropped = dropped + call('LREM', key, from_end <= from_head and -1 or 1, ids[i])
  end
end
return { looked, dropped }
