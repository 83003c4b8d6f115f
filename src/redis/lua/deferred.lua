-- Releases deferred jobs all of whose parents are done and that nobody has released: a parent was deleted or has expired,
-- or its worker died before it came to them.
-- ARGV  date (now), queue, seconds for which they must have waited, rank of the first to look at, how many
-- Reply { how many were looked at, how many of them stay, ids released }
local date, queue, grace, rank, count = arg(), arg(), tonumber(arg()), tonumber(arg()), tonumber(arg())
local registry = 'rq:deferred:' .. queue
local now = clock()
local stay, released = 0, {}
local entries = try('ZRANGE', registry, rank, rank + count - 1, 'WITHSCORES')
if entries.err then return { 0, 0, {} } end
for i = 1, #entries, 2 do
  local id = entries[i]
  -- Whoever enqueues it just now may not have listed all its parents yet.
  local outcome = tonumber(entries[i + 1]) <= now - grace and release(id, date) or 'waits'
  if outcome == 'released' then
    released[#released + 1] = id
  elseif outcome == 'gone' and call('EXISTS', 'rq:job:' .. id) == 0 then
    call('ZREM', registry, id)
  else
    stay = stay + 1
  end
end
return { #entries / 2, stay, released }
