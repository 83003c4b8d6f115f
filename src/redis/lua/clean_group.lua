-- Drops members of a group whose jobs are gone, and the name of a group that has no members.
-- ARGV  group, then ids to look at
-- Reply how many were dropped
local group = arg()
local key = 'rq:group:' .. group
local dropped = 0
while at < #ARGV do
  local id = arg()
  if call('EXISTS', 'rq:job:' .. id) == 0 and try('SREM', key, id) == 1 then dropped = dropped + 1 end
end
if call('EXISTS', key) == 0 then call('SREM', 'rq:groups', group) end
return dropped
