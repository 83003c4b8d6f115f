-- Takes jobs out of a group; with the last one the group is gone. The jobs themselves stay.
-- ARGV  group, how many at most
-- Reply how many were taken out
local group, limit = arg(), arg()
local ids = call('SPOP', 'rq:group:' .. group, limit)
for _, id in ipairs(ids) do
  local key = 'rq:job:' .. id
  -- Python cannot delete a job whose group does not exist.
  if try('HGET', key, 'group_id') == group then call('HSET', key, 'group_id', '') end
end
if call('EXISTS', 'rq:group:' .. group) == 0 then call('SREM', 'rq:groups', group) end
return #ids
