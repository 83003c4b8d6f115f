-- Deletes a queue: its list, its place among the queues, its pause. Its registries stay, as with RQ's Queue.delete.
-- ARGV  queue, even if something runs 0|1, even if ids are left on it 0|1
-- Reply { 'deleted' }, { 'running', how many } or { 'filled', how many }: then nothing was done
local queue, force, keep = arg(), arg() == '1', arg() == '1'
local key = 'rq:queue:' .. queue
local function size(command, of)
  local count = try(command, of)
  return type(count) == 'number' and count or 0
end
local running = size('ZCARD', 'rq:wip:' .. queue) + size('LLEN', key .. ':intermediate')
  + size('LLEN', key .. ':intermediate:tsrq')
if running > 0 and not force then return { 'running', running } end
local left = size('LLEN', key)
if left > 0 and not keep then return { 'filled', left } end
call('SREM', 'rq:queues', key)
call('DEL', key)
try('ZREM', 'rq:tsrq:paused', queue)
return { 'deleted' }
