-- Removes jobs from the head of a queue.
-- ARGV  date (now), queue, how many at most, token of this emptying, number of this call
-- Reply { how many ids were taken from the list, 0 }; a call that is sent again is not carried out again
local queue, limit, token, number = arg(), arg(), arg(), arg()
local before = repeated_step(token, number)
if before then return before end
-- The first write is a removal, which is not refused when memory is full: to empty a queue is a way out of that.
local ids = call('LPOP', 'rq:queue:' .. queue, limit) or {}
for _, id in ipairs(ids) do discard_queued(id, queue) end
return note_step(token, number, #ids, 0)
