-- Read before every script. `call` raises, `try` returns a table with `err`.
--
-- Two rules every script here keeps:
-- 1. The first write is one that Redis refuses when it is out of memory, read-only or short of replicas,
--    so that a refused script has changed nothing.
-- 2. After an id was taken from a list nothing may raise: keys that somebody else may have given a wrong
--    type are touched with `try`.
local call, try = redis.call, redis.pcall

local at = 0
-- The next argument.
local function arg()
  at = at + 1
  return ARGV[at]
end

-- Whole seconds, and seconds with a fraction as text: the clock of the server, the only one that all
-- workers share, decides about leases.
local function clock()
  local t = call('TIME')
  return tonumber(t[1]), t[1] .. '.' .. string.format('%06d', tonumber(t[2]))
end

-- Reads the arguments that describe the calling worker; nil if the worker is not registered as the
-- process that calls: its hash is gone, or another worker has taken its name.
local function read_worker()
  local w = {
    name = arg(),
    birth = arg(), -- the worker hash's `birth`: tells two workers of one name apart
    date = arg(), -- now, as RQ writes dates
    interval = tonumber(arg()), -- seconds between heartbeats while a job runs
    idle_ttl = tonumber(arg()), -- seconds the worker hash lives while idle
    default_timeout = arg(), -- seconds, for jobs that carry none
  }
  w.key = 'rq:worker:' .. w.name
  w.now, w.now_float = clock()
  local known = try('HMGET', w.key, 'birth', 'successful_job_count', 'failed_job_count', 'total_working_time')
  local birth = not known.err and known[1]
  if birth == w.birth then
    w.finished, w.failed, w.seconds = tonumber(known[2] or 0), tonumber(known[3] or 0), tonumber(known[4] or 0)
    call('HSET', w.key, 'last_heartbeat', w.date)
    return w
  end
  return nil, birth and 'replaced' or 'unregistered'
end

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

local leases = {}

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
