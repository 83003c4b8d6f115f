-- Removing jobs that nobody runs, many in one script.

local ELSEWHERE = { started = true, finished = true, failed = true, stopped = true, scheduled = true, deferred = true }

-- Removes a job that was queued; not the job of a second copy of its id, which runs or has ended.
local function discard_queued(id)
  local key = 'rq:job:' .. id
  local status = try('HGET', key, 'status')
  if type(status) == 'table' then status = '' end
  if ELSEWHERE[status] then return end
  -- Whoever waits for it waits for nothing any more (RQ: a parent that is gone is done).
  local waiting = try('SCARD', key .. ':dependents')
  if type(waiting) == 'number' and waiting > 0 then set_apart(id, 'finished') end
  call('DEL', key, key .. ':dependents', 'rq:job::' .. id .. ':dependencies', 'rq:tsrq:log:' .. id)
end
