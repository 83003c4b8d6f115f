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

-- What `leases_of` has read.
local leases = {}
