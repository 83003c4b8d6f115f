-- Removes the jobs of a queue that were enqueued before a moment.
-- ARGV  date (now), queue, that moment as a date, how many ids at its end were looked at before and stay, how many to look at,
--       token of this emptying, number of this call
-- Reply { how many were looked at, how many of these were removed }; a call that is sent again is not carried out again
local queue, moment, behind, count, token, number = arg(), arg(), tonumber(arg()), tonumber(arg()), arg(), arg()
local before = repeated_step(token, number)
if before then return before end
local looked, out = sift(queue, behind, count, function(id)
  local at_date = try('HMGET', 'rq:job:' .. id, 'enqueued_at', 'created_at')
  local date = not at_date.err and (at_date[1] and at_date[1] ~= '' and at_date[1] or at_date[2])
  -- RQ's dates are of one form: their order is that of texts.
  return date and date ~= '' and date < moment
end)
for _, id in ipairs(out) do discard_queued(id, queue) end
return note_step(token, number, looked, #out)
