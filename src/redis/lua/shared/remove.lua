-- What canceling and deleting a job have in common.

-- Takes a job out of everything, its parents' lists of those that wait for them included.
local function take_from_all(id, origin)
  try('LREM', 'rq:queue:' .. origin, 0, id)
  unlist(id, origin)
  for _, execution in ipairs(cut_off(id, origin)) do call('DEL', 'rq:execution:' .. id .. ':' .. execution) end
  call('DEL', 'rq:executions:' .. id)
  local parents = try('SMEMBERS', 'rq:job::' .. id .. ':dependencies')
  for _, parent in ipairs(parents.err and {} or parents) do try('SREM', 'rq:job:' .. parent .. ':dependents', id) end
end
