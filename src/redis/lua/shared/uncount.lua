-- The body of uncount(queues, outcomes, endings).
-- What was given back did not begin.
for _, queue in ipairs(queues) do
  if queue.limits ~= '' then uncount_returned(queue, outcomes, endings) end
end
