-- Releases deferred jobs all of whose parents are done and that nobody has released: a parent was deleted or has expired,
-- or its worker died before it came to them.
-- ARGV  date (now), queue, seconds for which they must have waited, now less these as a date, rank of the first to look at,
--       how many
-- Reply { how many were looked at, how many of them stay, ids released }
local date, queue, grace, moment, rank, count = arg(), arg(), tonumber(arg()), arg(), tonumber(arg()), tonumber(arg())
local registry = 'rq:deferred:' .. queue
local now = clock()
local stay, released = 0, {}
local entries = try('ZRANGE', registry, rank, rank + count - 1, 'WITHSCORES')
if entries.err then return { 0, 0, {} } end

-- Whether it is deferred for long enough: whoever enqueues it just now may not have listed all its parents yet.
local function is_settled(id, score)
  if score <= now then return score <= now - grace end
  -- RQ before 2.8 has no moment there.
  local created_at = try('HGET', 'rq:job:' .. id, 'created_at')
  return type(created_at) ~= 'string' or created_at <= moment
end

for i = 1, #entries, 2 do
  local id = entries[i]
  local outcome = is_settled(id, tonumber(entries[i + 1]) or math.huge) and release(id, date) or 'waits'
  if outcome == 'released' then
    released[#released + 1] = id
  elseif outcome == 'gone' and call('EXISTS', 'rq:job:' .. id) == 0 then
    call('ZREM', registry, id)
  else
    stay = stay + 1
  end
end
return { #entries / 2, stay, released }
