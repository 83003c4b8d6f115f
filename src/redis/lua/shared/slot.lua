-- Slots of RQ 3's rate limits: `rq:rl:K:allowed` are the jobs that may be queued or run, `rq:rl:K:rate_limited` those that
-- wait, `rq:rl:K` says how many may. A job names its K in `rate_limit_key`.

-- How many entries that lead to nothing one call may drop.
local MOST_STALE = 100

-- Puts waiting jobs on their queues, the oldest first, as far as there are slots.
local function fill_slots(key, now, date)
  local allowed, waiting = 'rq:rl:' .. key .. ':allowed', 'rq:rl:' .. key .. ':rate_limited'
  local most = try('HGET', 'rq:rl:' .. key, 'concurrency')
  most = type(most) == 'string' and tonumber(most) or 0
  local stale = 0
  while stale < MOST_STALE do
    local taken = try('ZCARD', allowed)
    if type(taken) ~= 'number' or taken >= most then return end
    local first = try('ZRANGE', waiting, 0, 0)
    local id = not first.err and first[1]
    if not id then return end
    local job = try('HMGET', 'rq:job:' .. id, 'status', 'origin', 'enqueue_at_front')
    if not job.err and job[1] == 'rate_limited' and job[2] then
      -- Without a queue to go to it waits here, where it is seen.
      if not push(job[2], id, job[3] == '1') then return end
      call('ZADD', allowed, now, id)
      call('HSET', 'rq:job:' .. id, 'status', 'queued', 'enqueued_at', date)
    else
      stale = stale + 1
    end
    call('ZREM', waiting, id)
  end
end

-- A job needs its slot no more: the next may have it.
local function release_slot(key, id, now, date)
  try('ZREM', 'rq:rl:' .. key .. ':allowed', id)
  try('ZREM', 'rq:rl:' .. key .. ':rate_limited', id)
  fill_slots(key, now, date)
end

-- Lets a stored job of a rate limit wait for its turn, and gives it a slot at once if there is one. `most`: how many may be
-- queued or run. Returns its status now.
local function wait_for_slot(key, most, id, now, date)
  call('SADD', 'rq:rl-keys', key)
  call('HSET', 'rq:rl:' .. key, 'concurrency', most)
  call('HSET', 'rq:job:' .. id, 'status', 'rate_limited')
  try('ZREM', 'rq:rl:' .. key .. ':allowed', id)
  try('ZADD', 'rq:rl:' .. key .. ':rate_limited', now, id)
  fill_slots(key, now, date)
  return call('HGET', 'rq:job:' .. id, 'status')
end
