-- What claiming has in common: opening the executions of jobs whose ids were just taken from a list.

-- Bytes of payload and meta after which one call hands over no more jobs.
local ENOUGH_BYTES = 8388608
-- Up to so many rows go in one piece.
local PACKED_BYTES = 1048576
-- How many ids that lead to nothing one call may step over before it lets others have their turn.
local MAX_SKIPS = 500

-- Keeps what the claiming scripts return. `prefix`: how the execution ids of the calling process begin (16 digits).
-- The moment of the run and a counter make the rest: a call that is sent again, because its reply was lost, opens other
-- executions than its first run did, and both can be found. Ids grow from claim to claim and within one.
local function new_claim(w, prefix)
  local moment = string.format('%013x', w.micros)
  return { prefix = prefix .. moment:sub(-12), jobs = {}, skipped = {}, held = {}, bytes = 0, taken = {} }
end

-- Opens executions of the jobs whose ids were just taken from `queue`, in their order. Ids that cannot be listed where
-- recovery looks, and those that are too much for one call, go back to the head.
local function start_all(claim, w, queue, ids)
  local rows, taken = claim.jobs, claim.taken
  local before = #rows
  local jobs, of, executions, origins, listed, back, blocked = {}, {}, {}, {}, {}, nil, nil
  -- When an execution counts as abandoned. As text: Redis would write the number anew for each job.
  local lease = string.format('%d', w.now + w.interval + 60)
  for i, id in ipairs(ids) do
    if claim.bytes >= ENOUGH_BYTES then
      back = i
      claim.more = true
      break
    end
    local job = read_job(id)
    local origin = job[ORIGIN]
    -- Nearly all are what they should be.
    if job[STATUS] ~= 'queued' or origin ~= queue or not job[1] or taken[id] or not id:find('^[%w_%-]+$') then
      job, origin = look_closer(claim, w, queue, id, job)
    end
    if job then
      taken[id] = true
      local n = #jobs + 1
      local execution = claim.prefix .. string.format('%04x', before + n)
      jobs[n], of[n], executions[n], origins[n] = job, id, execution, origin
      claim.bytes = claim.bytes + (job[1] and #job[1] or 0) + (job[2] and #job[2] or 0)
      local timeout = tonumber(job[3] or w.default_timeout)
      local is_short = timeout and timeout > 0 and timeout < w.interval
      local members = listed[origin]
      if not members then
        members = {}
        listed[origin] = members
      end
      members[#members + 1] = is_short and w.now + math.floor(timeout) + 60 or lease
      members[#members + 1] = id .. ':' .. execution
    end
  end
  for i = #ids, back or #ids + 1, -1 do call('LPUSH', 'rq:queue:' .. queue, ids[i]) end
  -- First the place where recovery looks.
  for origin, members in pairs(listed) do
    if type(try('ZADD', 'rq:wip:' .. origin, unpack(members))) == 'table' then
      blocked = blocked or {}
      blocked[origin] = true
    end
  end
  for n, job in ipairs(jobs) do
    local id, origin = of[n], origins[n]
    if not (blocked and blocked[origin]) then
      local key = 'rq:job:' .. id
      call('HSET', key, 'status', 'started', 'started_at', w.date, 'last_heartbeat', w.date, 'worker_name', w.name)
      if job[ORIGIN] ~= origin then call('HSET', key, 'origin', origin) end
      if not job[3] then call('HSET', key, 'timeout', w.default_timeout) end
      -- One that never ran and has no ttl of its own does not expire.
      if job[TTL] or job[LAST_HEARTBEAT] ~= '' then call('PERSIST', key) end
      -- RQ forgets that the `ttl` is over for who waits for it as well.
      if job[TTL] and job[TTL] ~= '' then
        call('PERSIST', key .. ':dependents')
        call('PERSIST', 'rq:job::' .. id .. ':dependencies')
      end
      -- The records of the execution itself are written by the first heartbeat: most jobs are done before (protocol rule 7:
      -- both or neither).
      make_row(job, id, executions[n], origin)
      rows[#rows + 1] = job
    end
  end
  for n = #jobs, blocked and 1 or #jobs + 1, -1 do
    if blocked[origins[n]] then
      call('LPUSH', 'rq:queue:' .. queue, of[n])
      claim.skipped[#claim.skipped + 1] = { queue, of[n], 'blocked: rq:wip:' .. origins[n] .. ' is not a sorted set' }
      claim.blocked = queue
    end
  end
end

-- The last thing a claiming script does: the worker hash tells what the worker does now, and what it has done.
-- `running`: the id of a job that runs on, '', or '*' for whatever it says it does. `counters`: fields and values, or nil. Returns the reply.
local function conclude(w, claim, running, holds, counters)
  local jobs = claim.jobs
  local current = #jobs > 0 and jobs[#jobs][ID] or running
  local state = current ~= '' and 'busy' or holds.suspended and 'suspended' or 'idle'
  if current == '*' then
    if counters and counters[1] then call('HSET', w.key, unpack(counters)) end
  elseif current ~= '' then
    call('HSET', w.key, 'state', state, 'current_job_working_time', '0', 'current_job', current, unpack(counters or {}))
  else
    call('HSET', w.key, 'state', state, 'current_job_working_time', '0', unpack(counters or {}))
    call('HDEL', w.key, 'current_job')
  end
  -- In one piece rows cost Redis and the worker less; but that is one more copy.
  local rows = #jobs > 0 and claim.bytes < PACKED_BYTES and cmsgpack.pack(jobs) or jobs
  return { 'ok', holds.told, claim.more and 1 or 0, rows, claim.skipped, claim.held, w.micros }
end
