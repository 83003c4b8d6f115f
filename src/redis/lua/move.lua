-- Moves jobs from the head of a queue to the end of another, in their order, and makes that their origin.
-- ARGV  from, to, how many at most, token of this moving, number of this call
-- Reply { how many ids were taken, how many of them were moved }: ids without a job, and second copies of the id of one that
--       is elsewhere, are dropped. A call that is sent again is not carried out again. Raises if a queue is no list.
local from, to, limit, token, number = arg(), arg(), arg(), arg(), arg()
local before = repeated_step(token, number)
if before then return before end
local source, target = 'rq:queue:' .. from, 'rq:queue:' .. to
call('LLEN', source)
call('LLEN', target)
-- The first write; one that is refused when memory is full.
call('SADD', 'rq:queues', target)
local ids = call('LPOP', source, limit) or {}
local moved = {}
for _, id in ipairs(ids) do
  local key = 'rq:job:' .. id
  local job = try('HMGET', key, 'status', 'origin', 'repeats_left')
  if job.err then
    -- No hash: the worker that takes it says so.
    moved[#moved + 1] = id
  elseif call('EXISTS', key) == 1 and (job[1] == 'queued' or not must_not_run(id, job[1], job[2] or from)) then
    rehome(id, from, to, job[3])
    moved[#moved + 1] = id
  end
end
if #moved > 0 then call('RPUSH', target, unpack(moved)) end
return note_step(token, number, #ids, #moved)
