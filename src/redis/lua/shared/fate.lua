-- Whether an id on a queue stands for a job that waits there.

-- Ids that must not run: their job ended or was canceled, or this is a second copy of a running one.
local function must_not_run(id, status, origin)
  if status == 'canceled' or status == 'finished' then return status end
  if status == 'failed' or status == 'stopped' then
    -- Unless the registry has lost it: then the queue is its only place.
    local score = try('ZSCORE', 'rq:failed:' .. origin, id)
    return score and not score.err and status or nil
  end
  if status == 'scheduled' or status == 'deferred' then
    -- Its time has not come; this is a copy that was left behind.
    local score = try('ZSCORE', 'rq:' .. status .. ':' .. origin, id)
    return score and not score.err and status or nil
  end
  if status == 'started' and #leases_of(id, origin) > 0 then return 'running' end
  return nil
end
