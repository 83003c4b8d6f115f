-- Puts an id on its queue, where RQ's readers find it; false if that key is not a list.
local function push(queue, id, front)
  local key = 'rq:queue:' .. queue
  local pushed = try(front and 'LPUSH' or 'RPUSH', key, id)
  if type(pushed) ~= 'number' then
    if not pushed.err:find('WRONGTYPE', 1, true) then error(pushed.err) end
    return false
  end
  try('SADD', 'rq:queues', key)
  return true
end

local HUNDRED_YEARS = 3153600000

-- A time to live as Redis takes it: whole seconds, -1 for ever. What is no number is `default`: EXPIRE would raise, and
-- leave the job between two places.
local function seconds(text, default)
  local n = tonumber(text or '')
  if not n or n ~= n then return default end
  return math.max(-1, math.min(math.floor(n), HUNDRED_YEARS))
end

-- For how long a repetition of an enqueue is told also when the job is gone.
local MARK_SECONDS = 60

-- The keys of a job that share its fate share its time to live (RQ's Job.cleanup). -1: none; 0: gone at once.
-- `alone`: it has neither dependents nor dependencies; `logged`: it has a log.
local function expire_job(id, ttl, alone, logged)
  local keys = { 'rq:job:' .. id, 'rq:job:' .. id .. ':dependents', 'rq:job::' .. id .. ':dependencies' }
  local log = 'rq:tsrq:log:' .. id
  local job = ttl >= 0 and ttl < MARK_SECONDS and try('HMGET', keys[1], 'created_at', 'group_id') or {}
  -- Soon there is no hash left by which a repetition of the enqueue could be told.
  if job[1] then call('SET', 'rq:tsrq:enqueued:' .. id, job[1], 'EX', MARK_SECONDS) end
  if ttl == 0 then
    if job[2] and job[2] ~= '' then try('SREM', 'rq:group:' .. job[2], id) end
    -- RQ leaves the results of former runs behind.
    call('DEL', keys[1], keys[2], keys[3], log, 'rq:results:' .. id)
  elseif ttl > 0 then
    for i = 1, alone and 1 or 3 do call('EXPIRE', keys[i], ttl) end
  end
  if logged and ttl ~= 0 then call('EXPIRE', log, ttl < 0 and HUNDRED_YEARS or ttl) end
end

-- The executions of a job in the started registry of a queue: member and end of lease, one after the other. Executions
-- that have just begun are listed nowhere else; so this looks at all that run, once in a script, and is for the rare case only.
local function leases_of(id, queue)
  if not leases[queue] then
    leases[queue] = {}
    local members = try('ZRANGE', 'rq:wip:' .. queue, 0, -1, 'WITHSCORES')
    for i = 1, members.err and 0 or #members, 2 do
      local owner = members[i]:match('^(.*):[^:]*$') or members[i]
      local found = leases[queue][owner] or {}
      leases[queue][owner] = found
      found[#found + 1] = { members[i], tonumber(members[i + 1]) }
    end
  end
  return leases[queue][id] or {}
end
