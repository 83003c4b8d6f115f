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
  local birth = try('HGET', w.key, 'birth')
  if birth == w.birth then
    call('HSET', w.key, 'last_heartbeat', w.date)
    return w
  end
  return nil, (birth and not birth.err) and 'replaced' or 'unregistered'
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

-- The keys of a job that share its fate share its time to live (RQ's Job.cleanup). -1: none; 0: gone at once.
local function expire_job(id, ttl)
  local keys = { 'rq:job:' .. id, 'rq:job:' .. id .. ':dependents', 'rq:job::' .. id .. ':dependencies' }
  if ttl == 0 then
    call('DEL', keys[1], keys[2], keys[3])
  elseif ttl > 0 then
    for _, key in ipairs(keys) do call('EXPIRE', key, ttl) end
  end
end
