-- Taking ids from queues.

-- Arguments: process prefix (16 hex digits), how many at most, strategy, seed, number of queues, then per queue
-- its name, weight and limits (see limit.lua).
local function read_wish()
  local wish = { prefix = arg(), count = tonumber(arg()), strategy = arg(), seed = tonumber(arg()), queues = {} }
  for i = 1, tonumber(arg()) do
    local queue = { name = arg(), weight = tonumber(arg()), limits = arg() }
    wish.queues[i] = queue
    if queue.limits ~= '' then wish.limited = true end
  end
  return wish
end

-- Fills `claim` up to the wished count; sets claim.more when it stopped early. `paused`: queues that are left out, or nil.
local function take(claim, w, wish, paused)
  if wish.count == 0 then return end
  if paused or wish.limited or wish.strategy ~= 'ordered' then return take_by_rule(claim, w, wish, paused) end
  for _, queue in ipairs(wish.queues) do
    while #claim.jobs < wish.count do
      if #claim.skipped >= MAX_SKIPS or claim.bytes >= ENOUGH_BYTES then
        claim.more = true
        return
      end
      local wanted = wish.count - #claim.jobs
      local ids = try('LPOP', 'rq:queue:' .. queue.name, wanted)
      if not ids then break end
      if ids.err then
        claim.skipped[#claim.skipped + 1] = { queue.name, '', 'blocked: rq:queue:' .. queue.name .. ' is not a list' }
        break
      end
      start_all(claim, w, queue.name, ids)
      if #ids < wanted or claim.blocked == queue.name then break end
    end
  end
end
