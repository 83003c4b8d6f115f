-- Moves chosen jobs of a queue or registry to another queue, in their order behind what is there, and makes that their
-- origin.
-- ARGV  place (queued, scheduled, deferred or failed), from, to, token of this moving, number of this call, from which end
--       of the queue the ids are looked for (1: its head, -1: its tail), then the ids
-- Reply { how many ids, how many of them were moved }: the others are not there any more, or are elsewhere by their status.
--       A call that is sent again is not carried out again. Raises if a place has another type.
local place, from, to, token, number, side = arg(), arg(), arg(), arg(), arg(), tonumber(arg())
local before = repeated_step(token, number)
if before then return before end
local listed = place == 'queued'
local name = listed and 'queue' or place
local source, target = 'rq:' .. name .. ':' .. from, 'rq:' .. name .. ':' .. to
call(listed and 'LLEN' or 'ZCARD', source)
call(listed and 'LLEN' or 'ZCARD', target)
-- The first write; one that is refused when memory is full.
call('SADD', 'rq:queues', 'rq:queue:' .. to)

-- What a worker has taken is told by its status: to look for it in vain would be a walk through the whole list.
local function belongs(id, status, origin)
  if listed then return status == 'queued' or not must_not_run(id, status, origin) end
  return status == place or (place == 'failed' and status == 'stopped')
end

local function carry(id)
  if listed then
    if call('LREM', source, side, id) == 0 then return false end
    call('RPUSH', target, id)
    return true
  end
  local score = call('ZSCORE', source, id)
  if not score then return false end
  call('ZADD', target, score, id)
  call('ZREM', source, id)
  return true
end

local ids, moved = 0, 0
while at < #ARGV do
  local id = arg()
  ids = ids + 1
  local job = try('HMGET', 'rq:job:' .. id, 'status', 'origin', 'repeats_left')
  if not job.err and job[1] and belongs(id, job[1], job[2] or from) and carry(id) then
    rehome(id, from, to, job[3])
    moved = moved + 1
  end
end
return note_step(token, number, ids, moved)
