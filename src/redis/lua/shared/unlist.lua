-- Taking a job out of the places where it is listed.

-- Out of the registries of a queue, but the started one.
local function unlist(id, origin)
  for _, registry in ipairs({ 'finished', 'failed', 'canceled', 'deferred', 'scheduled', 'ready' }) do
    try('ZREM', 'rq:' .. registry .. ':' .. origin, id)
  end
end

-- Out of the places that its status does not point to: an id that a wait has moved, and executions that go on. A worker that
-- runs one learns at its next heartbeat that it is not its own any more. Returns the ids of the executions.
local function cut_off(id, origin)
  local list = 'rq:queue:' .. origin .. ':intermediate'
  local lay, moved = try('LREM', list, 0, id), try('LREM', list .. ':tsrq', 0, id)
  if lay ~= 0 or moved ~= 0 then call('DEL', list .. ':first_seen:' .. id) end
  local executions = {}
  for i, lease in ipairs(leases_of(id, origin)) do
    call('ZREM', 'rq:wip:' .. origin, lease[1])
    executions[i] = lease[1]:sub(#id + 2)
  end
  return executions
end
