-- The body of look_closer(claim, w, queue, id, job).
-- The job of an id that was taken from a queue and does not look as it should, and its origin; nil if it may not run: then
-- the id was stepped over.
local key = 'rq:job:' .. id
local YEAR = 31536000

-- A job that no reader of RQ could bear in another place goes to the failed registry, with the reason.
local function set_aside(reason, is_hash)
  if is_hash then
    call('HSET', key, 'status', 'failed', 'origin', queue, 'ended_at', w.date, 'exc_info', reason)
    call('EXPIRE', key, YEAR)
  end
  try('ZADD', 'rq:failed:' .. queue, w.now + YEAR, id)
  return 'refused: ' .. reason
end

local origin, reason
if job.err then
  reason = set_aside('the key of the job is not a hash', false)
elseif not job[1] and call('EXISTS', key) == 0 then
  reason = 'gone'
elseif not id:find('^[%w_%-]+$') then
  reason = set_aside('the job id has characters that RQ refuses', true)
elseif claim.taken[id] then
  reason = 'running'
else
  origin = job[ORIGIN]
  if not origin or origin == '' then origin = queue end
  if job[STATUS] ~= 'queued' then reason = must_not_run(id, job[STATUS], origin) end
end
if not reason then return job, origin end
claim.skipped[#claim.skipped + 1] = { queue, id, reason }
return nil
