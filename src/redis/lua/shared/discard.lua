-- Removing jobs that nobody runs, many in one script. Its first argument is the date (now).

local discarded_at = arg()

-- Removes the hash of a job and what belongs to it. `queue`: where it came from. `group`, `repeats`, `limit`: its group_id,
-- repeats_left and rate_limit_key. Returns whether there was a hash.
local function discard(id, queue, group, repeats, limit)
  local key = 'rq:job:' .. id
  -- Whoever waits for it waits for nothing any more (RQ: a parent that is gone is done).
  local waiting = try('SCARD', key .. ':dependents')
  if type(waiting) == 'number' and waiting > 0 then set_apart(id, 'finished') end
  if group and group ~= '' then try('SREM', 'rq:group:' .. group, id) end
  -- One that is repeated waits here for its next run, and is listed with its last one.
  if repeats then try('ZREM', 'rq:finished:' .. queue, id) end
  local existed = call('DEL', key) == 1
  call('DEL', key .. ':dependents', 'rq:job::' .. id .. ':dependencies', 'rq:results:' .. id, 'rq:tsrq:log:' .. id)
  if limit then
    local now = clock()
    release_slot(limit, id, now, discarded_at)
  end
  return existed
end

-- Removes a job that was queued; not the job of a second copy of its id, which runs or has ended.
local function discard_queued(id, queue)
  local job = try('HMGET', 'rq:job:' .. id, 'status', 'group_id', 'repeats_left', 'origin', 'rate_limit_key')
  if job.err then job = {} end
  local elsewhere = job[1] ~= 'queued' and job[1] ~= 'canceled' and must_not_run(id, job[1], job[4] or queue)
  if not elsewhere then discard(id, queue, job[2], job[3], job[5]) end
end
