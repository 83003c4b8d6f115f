-- Taking ids from queues in the order of the dequeue strategy.

-- How many ids that lead to nothing one call may step over before it lets others have their turn.
local MAX_SKIPS = 500

-- Arguments: process prefix (16 hex digits), how many at most, strategy, seed, number of queues, then per queue
-- its name, weight and limits (see limit.lua).
local function read_wish()
  local wish = { prefix = arg(), count = tonumber(arg()), strategy = arg(), seed = tonumber(arg()), queues = {} }
  for i = 1, tonumber(arg()) do
    wish.queues[i] = { name = arg(), weight = tonumber(arg()), limits = arg() }
  end
  return wish
end

-- Takes up to `count` ids; false when the queue has no more to give.
local function pop(claim, w, queue, count)
  local after
  count, after = allowance(claim, w, queue, count)
  if count == 0 then
    if try('LLEN', 'rq:queue:' .. queue.name) ~= 0 then hold_back(claim, queue.name, after) end
    return false
  end
  local before = #claim.jobs
  local ids = try('LPOP', 'rq:queue:' .. queue.name, count)
  if not ids then return false end
  if ids.err then
    skip(claim, queue.name, '', 'blocked: rq:queue:' .. queue.name .. ' is not a list')
    return false
  end
  start_all(claim, w, queue.name, ids)
  count_starts(claim, w, queue, before)
  return #ids == count and claim.blocked ~= queue.name
end

-- The index of the queue to ask next among those that may still hold ids.
local function choose(wish, open, slot)
  if wish.strategy == 'ordered' then return 1 end
  if wish.strategy == 'round_robin' then return (wish.seed + slot - 1) % #open + 1 end
  local total = 0
  for _, queue in ipairs(open) do total = total + queue.weight end
  local mark = math.random() * total
  for i, queue in ipairs(open) do
    mark = mark - queue.weight
    if mark <= 0 then return i end
  end
  return #open
end

-- Fills `claim` up to the wished count; sets claim.more when it stopped early. `paused`: queues that are left out, or nil.
local function take(claim, w, wish, paused)
  if wish.strategy ~= 'ordered' then math.randomseed(wish.seed) end
  local open = {}
  for _, queue in ipairs(wish.queues) do
    if not (paused and paused[queue.name]) then open[#open + 1] = queue end
  end
  local slot = 0
  while #claim.jobs < wish.count and #open > 0 do
    if #claim.skipped >= MAX_SKIPS or claim.bytes >= ENOUGH_BYTES then
      claim.more = true
      return
    end
    slot = slot + 1
    local i = choose(wish, open, slot)
    if not pop(claim, w, open[i], wish.strategy == 'ordered' and wish.count - #claim.jobs or 1) then
      table.remove(open, i)
      -- Keep round robin's place: the queue after an empty one is next.
      if wish.strategy == 'round_robin' then slot = slot - 1 end
    end
  end
end
