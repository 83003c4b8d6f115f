-- Removes jobs from the head of a queue.
-- ARGV  queue, how many at most, token of this emptying, number of this call
-- Reply { how many ids were taken from the list, 0 }; a call that is sent again is not carried out again
local queue, limit, token, number = arg(), arg(), arg(), arg()
local before = repeated_step(token, number)
if before then return before end
-- The first write is a removal, which is not refused when memory is full: to empty a queue is a way out of that.
local ids = call('LPOP', 'rq:queue:' .. queue, limit) or {}
local ELSEWHERE = { started = true, finished = true, failed = true, stopped = true, scheduled = true, deferred = true }
for _, id in ipairs(ids) do
  local key = 'rq:job:' .. id
  local status = try('HGET', key, 'status')
  if type(status) == 'table' then status = '' end
  -- A second copy of the id of a job that runs or has ended: that job is not on this queue.
  if not ELSEWHERE[status] then
    -- Whoever waits for it waits for nothing any more (RQ: a parent that is gone is done).
    local waiting = try('SCARD', key .. ':dependents')
    if type(waiting) == 'number' and waiting > 0 then set_apart(id, 'finished') end
    call('DEL', key, key .. ':dependents', 'rq:job::' .. id .. ':dependencies')
  end
end
return note_step(token, number, #ids, 0)
