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

-- Whether the keys of a rate limit are what they should be, as far as they exist.
local function has_slots(key)
  local limit = 'rq:rl:' .. key
  for _, question in ipairs({ { 'SCARD', 'rq:rl-keys' }, { 'HGET', limit, 'concurrency' }, { 'ZCARD', limit .. ':allowed' },
    { 'ZCARD', limit .. ':rate_limited' } }) do
    if type(try(unpack(question))) == 'table' then return false end
  end
  return true
end

-- Lets a stored job of a rate limit wait for its turn, and gives it a slot at once if there is one. `most`: how many may be
-- queued or run. Returns its status now; nil if the limit's keys are not what they should be: then nothing was written.
local function wait_for_slot(key, most, id, now, date)
  if not has_slots(key) then return nil end
  call('SADD', 'rq:rl-keys', key)
  call('HSET', 'rq:rl:' .. key, 'concurrency', most)
  call('HSET', 'rq:job:' .. id, 'status', 'rate_limited')
  try('ZREM', 'rq:rl:' .. key .. ':allowed', id)
  try('ZADD', 'rq:rl:' .. key .. ':rate_limited', now, id)
  fill_slots(key, now, date)
  return call('HGET', 'rq:job:' .. id, 'status')
end

-- Puts a stored job where it waits to be taken: on its queue, or, if it has a rate limit, where it waits for its turn. `limit`,
-- `most`: of that, as stored. Returns false if there is no such place: then nothing was written.
local function place(id, queue, front, limit, most, now, date)
  if most and limit and limit ~= '' then
    if not wait_for_slot(limit, most, id, now, date) then return false end
    call('HSET', 'rq:job:' .. id, 'enqueued_at', date)
    return true
  end
  if not push(queue, id, front) then return false end
  call('HSET', 'rq:job:' .. id, 'status', 'queued', 'enqueued_at', date)
  return true
end
