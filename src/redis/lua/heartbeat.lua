-- Prolongs the leases of the running executions and the life of the worker hash.
-- ARGV  worker (read_worker), state or '', seconds the current job has run, then per execution: id, execution, queue,
--       timeout, or '' for one that has not begun and has no records
-- Reply { 'ok', lost } or { 'unregistered' | 'replaced' }; lost: the executions that are not ours any more
local w, problem = read_worker()
if not w then return { problem } end
local state, working = arg(), arg()
local lost, moment = {}, string.format('%.6f', w.micros / 1000000)
local busy = at < #ARGV
while at < #ARGV do
  local id, execution, queue, timeout = arg(), arg(), arg(), tonumber(arg())
  local lease = w.interval + 60
  if timeout and timeout > 0 and timeout < w.interval then lease = math.floor(timeout) + 60 end
  local wip, member = 'rq:wip:' .. queue, id .. ':' .. execution
  -- A registry that cannot be read says nothing of what it held; and one job's bad keys must not end the leases of others.
  if try('ZSCORE', wip, member) then
    try('ZADD', wip, 'XX', w.now + lease, member)
    if timeout then
      local key = 'rq:execution:' .. id .. ':' .. execution
      try('HSET', key, 'id', execution, 'last_heartbeat', moment, 'worker_name', w.name)
      try('HSETNX', key, 'created_at', moment)
      call('EXPIRE', key, lease)
      try('ZADD', 'rq:executions:' .. id, w.now + lease + 60, execution)
      call('EXPIRE', 'rq:executions:' .. id, lease + 60)
      -- Where RQ 3 looks for what a worker does.
      try('SADD', w.key .. ':executions', member)
      call('EXPIRE', w.key .. ':executions', lease + 60)
    end
    if call('EXISTS', 'rq:job:' .. id) == 1 then try('HSET', 'rq:job:' .. id, 'last_heartbeat', w.date) end
  else
    lost[#lost + 1] = execution
  end
end
if busy then
  call('HSET', w.key, 'current_job_working_time', working)
  call('EXPIRE', w.key, w.interval + 60)
else
  if state ~= '' then call('HSET', w.key, 'state', state) end
  call('EXPIRE', w.key, w.idle_ttl)
end
return { 'ok', lost }
