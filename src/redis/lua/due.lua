-- Moves scheduled jobs that are due to their queue, if its scheduler lock is held by who asks: Python's scheduler looks first and
-- moves then, so that beside it a job would be queued twice.
-- ARGV  date (now), queue, how many at most, name of the scheduler
-- Reply how many were moved
local date, queue, limit = arg(), arg(), arg()
if try('GET', 'rq:scheduler-lock:' .. queue) ~= arg() then return 0 end
local now = clock()
local scheduled = 'rq:scheduled:' .. queue
local moved = 0
for _, id in ipairs(call('ZRANGEBYSCORE', scheduled, 0, now, 'LIMIT', 0, limit)) do
  local key = 'rq:job:' .. id
  local job = try('HMGET', key, 'status', 'enqueue_at_front', 'enqueue_at_front_on_retry', 'ended_at', 'ttl',
    'rate_limit_key', 'rate_limit_concurrency')
  local due = not job.err and job[1] == 'scheduled'
  local limit = due and job[7] and job[6] ~= '' and job[6]
  local pushed = limit or due and push(queue, id, job[2] == '1' or (job[3] == '1' and job[4] and job[4] ~= ''))
  if pushed then
    call('HSET', key, 'status', 'queued', 'enqueued_at', date)
    local ttl = seconds(job[5])
    if ttl and ttl > 0 then expire_job(id, ttl) end
    if limit then wait_for_slot(limit, job[7], id, now, date) end
    moved = moved + 1
  end
  -- What has no queue to go to waits here, where it is seen.
  if pushed or not due then call('ZREM', scheduled, id) end
end
return moved
