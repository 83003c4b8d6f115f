-- Drops entries of a registry whose job is gone. Those of finished and failed jobs whose time is over are clean.lua's.
-- ARGV  registry, queue, rank of the first entry to look at, how many, only count them 0|1
-- Reply { how many were looked at, how many of these have no job }
local registry, queue, rank, count, dry = arg(), arg(), tonumber(arg()), tonumber(arg()), arg() == '1'
local key = 'rq:' .. registry .. ':' .. queue
local expires = registry == 'finished' or registry == 'failed'
local now = clock()
local entries = try('ZRANGE', key, rank, rank + count - 1, 'WITHSCORES')
if entries.err then return { 0, 0 } end
local gone = {}
for i = 1, #entries, 2 do
  local score = tonumber(entries[i + 1])
  local over = expires and score >= 0 and score <= now
  if not over and call('EXISTS', 'rq:job:' .. entries[i]) == 0 then gone[#gone + 1] = entries[i] end
end
if #gone > 0 and not dry then call('ZREM', key, unpack(gone)) end
return { #entries / 2, #gone }
