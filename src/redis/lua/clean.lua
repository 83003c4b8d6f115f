-- Forgets results and failures whose time is over, and workers that are gone, while the caller holds RQ's maintenance lock.
-- ARGV  queue, token of the caller ('': do it without the lock, which only keeps workers from doing it all at once), seconds
--       the lock lives, how many entries of a registry at most
-- Reply { 'held' (somebody else cleans, nothing was done), 'more' (the caller holds the lock and should call again) or
--       'done' (the lock is given back), how many entries were forgotten, the keys of the workers that were }
local queue, token, ttl, limit = arg(), arg(), arg(), tonumber(arg())
local lock = 'rq:clean_registries:' .. queue
if token ~= '' then
  -- Every batch asks anew whether the lock is still the caller's: one that was paused for longer than it lives does nothing.
  local holder = try('GET', lock)
  if holder and holder ~= token then return { 'held', 0, {} } end
  call('SET', lock, token, 'EX', ttl)
end
local now = clock()
local more, entries, gone = false, 0, {}
for _, registry in ipairs({ 'rq:finished:' .. queue, 'rq:failed:' .. queue }) do
  local over = try('ZRANGEBYSCORE', registry, 0, now, 'LIMIT', 0, limit)
  if not over.err and #over > 0 then entries = entries + call('ZREM', registry, unpack(over)) end
  more = more or #over >= limit
end
local listeners = 'rq:workers:' .. queue
local workers = try('SMEMBERS', listeners)
for _, key in ipairs(workers.err and {} or workers) do
  if call('EXISTS', key) == 0 then
    call('SREM', listeners, key)
    try('SREM', 'rq:workers', key)
    gone[#gone + 1] = key
  end
end
if more then return { 'more', entries, gone } end
if token ~= '' then call('DEL', lock) end
return { 'done', entries, gone }
