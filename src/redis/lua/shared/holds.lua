-- What holds workers back: whether RQ is suspended, a table of the queues that are paused (`{ name = true }`) or nil, and
-- `told`, as workers learn of it: 0, 1 for suspended, or the names of the paused queues. Mostly neither, and one question
-- tells. `some`: whether there is any of it, if that is known.
local function read_holds(w, some)
  if some == nil then some = call('EXISTS', 'rq:suspended', 'rq:tsrq:paused') > 0 end
  if not some then return { suspended = false, told = 0 } end
  local suspended = call('EXISTS', 'rq:suspended') == 1
  local holds = { suspended = suspended, told = suspended and 1 or 0 }
  local names = try('ZRANGEBYSCORE', 'rq:tsrq:paused', '(' .. w.now, '+inf')
  for _, name in ipairs(names.err and {} or names) do
    holds.paused = holds.paused or {}
    holds.paused[name] = true
  end
  if holds.paused and not suspended then holds.told = names end
  return holds
end
