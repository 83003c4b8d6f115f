-- What canceling and deleting a job have in common.

-- Takes a job out of every place where it waits or runs: a worker that runs it learns at its next heartbeat that the
-- execution is not its own any more.
local function take_from_all(id, origin)
  local queue = 'rq:queue:' .. origin
  try('LREM', queue, 0, id)
  if try('LREM', queue .. ':intermediate', 0, id) ~= 0 then call('DEL', queue .. ':intermediate:first_seen:' .. id) end
  for _, registry in ipairs({ 'deferred', 'scheduled', 'finished', 'failed', 'canceled' }) do
    try('ZREM', 'rq:' .. registry .. ':' .. origin, id)
  end
  for _, lease in ipairs(leases_of(id, origin)) do
    call('ZREM', 'rq:wip:' .. origin, lease[1])
    local execution = lease[1]:sub(#id + 2)
    call('DEL', 'rq:execution:' .. id .. ':' .. execution)
  end
  call('DEL', 'rq:executions:' .. id)
  local parents = try('SMEMBERS', 'rq:job::' .. id .. ':dependencies')
  for _, parent in ipairs(parents.err and {} or parents) do try('SREM', 'rq:job:' .. parent .. ':dependents', id) end
end
