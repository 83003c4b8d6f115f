-- Moves scheduled jobs that are due to their queue, if its scheduler lock is held by who asks: Python's scheduler looks first and
-- moves then, so that beside it a job would be queued twice.
-- ARGV  date (now), queue, how many at most, name of the scheduler
-- Reply how many were moved
local date, queue, count = arg(), arg(), arg()
if try('GET', 'rq:scheduler-lock:' .. queue) ~= arg() then return 0 end
local now = clock()
local scheduled = 'rq:scheduled:' .. queue
local moved = 0

-- Whether the hash of an id is missing only as yet: Python lists a job first, and stores it then.
local function may_come(key, job, score)
  return not job.err and not job[1] and score > now - 60 and call('EXISTS', key) == 0
end

local entries = call('ZRANGEBYSCORE', scheduled, 0, now, 'WITHSCORES', 'LIMIT', 0, count)
for i = 1, #entries, 2 do
  local id, score = entries[i], tonumber(entries[i + 1])
  local key = 'rq:job:' .. id
  local job = try('HMGET', key, 'status', 'enqueue_at_front', 'enqueue_at_front_on_retry', 'ended_at', 'ttl',
    'rate_limit_key', 'rate_limit_concurrency')
  local due = not job.err and job[1] == 'scheduled'
  local front = job[2] == '1' or (job[3] == '1' and job[4] and job[4] ~= '')
  local placed = due and place(id, queue, front, job[6], job[7], now, date)
  if placed then
    local ttl = seconds(job[5])
    if ttl and ttl > 0 then expire_job(id, ttl) end
    moved = moved + 1
  end
  -- What has no place to go to waits here, where it is seen.
  if placed or not (due or may_come(key, job, score)) then call('ZREM', scheduled, id) end
end
return moved
