-- Retries or fails the executions of a queue whose lease has run out; those that had not begun go back to the queue.
-- ARGV  date (now), how many at most, exc_string (base64), seconds for which the lease must be over, queue
-- Reply rows { id, execution, ending (as in end_all), worker_name }
local date, limit, exc, grace, queue = arg(), arg(), arg(), tonumber(arg()), arg()
local now = clock()
local w = { now = now, date = date, name = '' }
local ended, result = { 'ended_at', date }, { 'worker_name', '', 'exc_string', exc }
local wip = 'rq:wip:' .. queue
local rows, unbegun = {}, {}

local lives
-- Whether another execution of the job is alive.
local function goes_on(id)
  if not lives then
    lives = {}
    for _, member in ipairs(call('ZRANGEBYSCORE', wip, '(' .. now, '+inf')) do
      lives[member:match('^([^:]*)')] = true
    end
  end
  return lives[id]
end

-- Claimed ahead by a worker that died before it began it.
local function had_not_begun(execution)
  local mark = call('GET', 'rq:tsrq:begun:' .. execution:sub(1, 16))
  return mark and execution > mark
end

local members = try('ZRANGEBYSCORE', wip, 0, now - grace, 'LIMIT', 0, limit)
for _, member in ipairs(members.err and {} or members) do
  local id, execution = member:match('^([^:]*):?(.*)$')
  local key = 'rq:job:' .. id
  local job = try('HMGET', key, 'status', 'worker_name', 'rate_limit_key')
  if job.err then job = {} end
  if job[1] then call('HSET', key, 'last_heartbeat', date) end
  call('ZREM', wip, member)
  if execution ~= '' then
    call('DEL', 'rq:execution:' .. id .. ':' .. execution)
    try('ZREM', 'rq:executions:' .. id, execution)
  end
  local row = { id, execution, { 'dropped', job[1] or '' }, job[2] or '' }
  rows[#rows + 1] = row
  -- Only a job that is still started died with its worker.
  if job[1] == 'started' and not goes_on(id) then
    if had_not_begun(execution) then
      unbegun[#unbegun + 1] = row
    else
      row[3] = retry(w, queue, id, ended, { date, execution, exc, row[4] }) or fail(w, queue, id, 'failed', ended, result)
      if job[3] and needs_no_slot(row[3]) then release_slot(job[3], id, now, date) end
    end
  end
end
-- To the head, the last one first: so they come in the order in which they were taken.
table.sort(unbegun, function(a, b) return a[2] > b[2] end)
for _, row in ipairs(unbegun) do row[3] = give_back(w, { id = row[1], queue = queue }, ended, result) end
return rows
