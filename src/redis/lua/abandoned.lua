-- Retries or fails the executions of a queue whose lease has run out.
-- ARGV  date (now), how many at most, exc_string (base64), seconds for which the lease must be over, queue
-- Reply rows { id, execution, ending (as in end_job), worker_name }
local date, limit, exc, grace, queue = arg(), arg(), arg(), tonumber(arg()), arg()
local now = clock()
local w = { now = now, date = date, name = '' }
local rows = {}
local wip = 'rq:wip:' .. queue
local members = try('ZRANGEBYSCORE', wip, 0, now - grace, 'LIMIT', 0, limit)
for _, member in ipairs(members.err and {} or members) do
  local id, execution = member:match('^([^:]*):?(.*)$')
  local key = 'rq:job:' .. id
  local job = try('HMGET', key, 'status', 'worker_name')
  if job.err then job = {} end
  if job[1] then call('HSET', key, 'last_heartbeat', date) end
  call('ZREM', wip, member)
  if execution ~= '' then
    call('DEL', 'rq:execution:' .. id .. ':' .. execution)
    try('ZREM', 'rq:executions:' .. id, execution)
  end
  local ending = { 'dropped', job[1] or '' }
  -- Only a job that is still started died with its worker; unless another execution of it is alive.
  if job[1] == 'started' then
    local alive = false
    local others = try('ZRANGE', 'rq:executions:' .. id, 0, -1)
    for _, other in ipairs(others.err and {} or others) do
      local score = try('ZSCORE', wip, id .. ':' .. other)
      if score and not score.err and tonumber(score) > now then alive = true end
    end
    if not alive then
      local ended = { 'ended_at', date }
      ending = retry(w, queue, id, ended)
        or fail(w, queue, id, 'failed', ended, { 'worker_name', '', 'exc_string', exc })
    end
  end
  rows[#rows + 1] = { id, execution, ending, job[2] or '' }
end
return rows
