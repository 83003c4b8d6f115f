-- Limits of queues, see docs/decisions/0008-limits.md. `queue.limits`: as '10/s', '5' (at once), several with blanks
-- between them, or '' for none.

local PERIOD_MS = { s = 1000, m = 60000, h = 3600000 }

local function starts_key(unit, name)
  return 'rq:tsrq:limit:' .. unit .. ':' .. name
end

-- How many jobs may begin within one limit, and the milliseconds after which to look again if none may (-1: it depends on
-- the end of a job).
local function left_of(claim, w, name, most, unit)
  if unit == '' then
    local running = try('ZCOUNT', 'rq:wip:' .. name, w.now, '+inf')
    return type(running) == 'number' and most - running or 0, -1
  end
  local key, now_ms = starts_key(unit, name), math.floor(w.micros / 1000)
  local removed = try('ZREMRANGEBYSCORE', key, '-inf', now_ms - PERIOD_MS[unit])
  if type(removed) ~= 'number' then
    claim.skipped[#claim.skipped + 1] = { name, '', 'blocked: ' .. key .. ' is not a sorted set' }
    return 0, -1
  end
  local begun = call('ZCARD', key)
  if begun < most then return most - begun, -1 end
  -- The one that must leave the period before another may begin.
  local score = call('ZRANGE', key, begun - most, begun - most, 'WITHSCORES')[2]
  return 0, math.max(1, tonumber(score) + PERIOD_MS[unit] - now_ms)
end

-- How many jobs of a queue may begin now, at most `wanted`; if none, also when to look again, as `left_of`.
local function allowance(claim, w, queue, wanted)
  if queue.limits == '' then return wanted end
  local after = -1
  for number, unit in queue.limits:gmatch('(%d+)/?(%a?)') do
    local left, wait = left_of(claim, w, queue.name, tonumber(number), unit)
    wanted = math.min(wanted, left)
    if left <= 0 then after = math.max(after, wait) end
  end
  return math.max(0, wanted), after
end

-- Tells the worker to leave a queue alone for a while.
local function hold_back(claim, name, after)
  claim.held[#claim.held + 1] = { name, after }
end

-- Counts the jobs that `claim` began after the first `before`, all of this queue.
local function count_starts(claim, w, queue, before)
  if queue.limits == '' or #claim.jobs == before then return end
  for unit in queue.limits:gmatch('/(%a)') do
    local starts = {}
    for i = before + 1, #claim.jobs do
      starts[#starts + 1] = math.floor(w.micros / 1000)
      starts[#starts + 1] = claim.jobs[i][EXECUTION]
    end
    local key = starts_key(unit, queue.name)
    call('ZADD', key, unpack(starts))
    call('PEXPIRE', key, PERIOD_MS[unit])
  end
end

-- Takes back that executions have begun that never did, and went back to the queue.
local function uncount_returned(queue, outcomes, endings)
  for i, ending in ipairs(endings) do
    if ending[1] == 'returned' and outcomes[i].queue == queue.name then
      for unit in queue.limits:gmatch('/(%a)') do try('ZREM', starts_key(unit, queue.name), outcomes[i].execution) end
    end
  end
end
