-- Steps of a longer operation that must not be carried out twice when they are sent again: what the last one came to is
-- kept for a minute. `token`: of the operation; `number`: of the step.

local function step_key(token)
  return 'rq:tsrq:step:' .. token
end

-- What this very step came to, two counts, or nil if it was not carried out before.
local function repeated_step(token, number)
  local last = call('GET', step_key(token))
  if not last then return nil end
  local at_step, first, second = last:match('^(%d+) (%d+) (%d+)$')
  if at_step == number then return { tonumber(first), tonumber(second) } end
end

-- When it is written what was done cannot be refused any more.
local function note_step(token, number, first, second)
  try('SET', step_key(token), number .. ' ' .. first .. ' ' .. second, 'EX', 60)
  return { first, second }
end
