-- The body of more_of(job, id).
-- What only few jobs have: the fields that a worker gets of it, then the timeouts of the three callbacks.
local more = { unpack(job, 14, 18) }
local timeouts = call('HMGET', 'rq:job:' .. id, 'success_callback_timeout', 'failure_callback_timeout',
  'stopped_callback_timeout')
for i = 1, 3 do more[5 + i] = timeouts[i] end
return more
