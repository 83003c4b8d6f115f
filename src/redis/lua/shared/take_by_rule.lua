-- The body of take_by_rule(claim, w, wish, paused).
-- As `take`, in the order of any strategy, and with limits.

-- Takes up to `count` ids; false when the queue has no more to give.
local function pop(queue, count)
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
    claim.skipped[#claim.skipped + 1] = { queue.name, '', 'blocked: rq:queue:' .. queue.name .. ' is not a list' }
    return false
  end
  start_all(claim, w, queue.name, ids)
  count_starts(claim, w, queue, before)
  return #ids == count and claim.blocked ~= queue.name
end

-- The index of the queue to ask next among those that may still hold ids.
local function choose(open, slot)
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
  local i = choose(open, slot)
  if not pop(open[i], wish.strategy == 'ordered' and wish.count - #claim.jobs or 1) then
    table.remove(open, i)
    -- Keep round robin's place: the queue after an empty one is next.
    if wish.strategy == 'round_robin' then slot = slot - 1 end
  end
end
