-- Drops ids whose job is gone from a queue.
-- ARGV  queue, how many ids at its end were looked at before and stay, how many to look at
-- Reply { how many were looked at, how many of these were dropped }
local looked, out = sift(arg(), tonumber(arg()), tonumber(arg()), function(id)
  return call('EXISTS', 'rq:job:' .. id) == 0
end)
return { looked, #out }
