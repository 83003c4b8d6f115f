-- What claiming has in common: opening the execution of a job whose id was just taken from a list.

-- The fields a worker gets of each job, in this order; and those that few jobs have.
local FIELDS = {
  'data', 'status', 'origin', 'timeout', 'meta', 'result_ttl', 'description', 'created_at', 'enqueued_at',
  'retries_left', 'retries_max', 'ttl', 'last_heartbeat',
  'number_of_retries', 'webhooks', 'success_callback_name', 'failure_callback_name', 'stopped_callback_name',
}
local RARE = 14
-- Where in a row id, execution and origin follow, and after them a list of what only few jobs have.
local ID, EXECUTION, ORIGIN, MORE = RARE, RARE + 1, RARE + 2, RARE + 3

local YEAR = 31536000

-- Bytes of payload and meta that one job may have, and after which one call hands over no more jobs.
local MAX_BYTES = 67108864
local ENOUGH_BYTES = 8388608

-- What holds workers back: whether RQ is suspended, and a table of the queues that are paused (`{ name = true }`), or nil.
-- Mostly neither, and one question tells.
local function read_holds(now, some)
  if not some and call('EXISTS', 'rq:suspended', 'rq:tsrq:paused') == 0 then return { suspended = false } end
  local holds = { suspended = call('EXISTS', 'rq:suspended') == 1, names = {} }
  local names = try('ZRANGEBYSCORE', 'rq:tsrq:paused', '(' .. now, '+inf')
  for _, name in ipairs(names.err and {} or names) do
    holds.paused = holds.paused or {}
    holds.paused[name] = true
    holds.names[#holds.names + 1] = name
  end
  return holds
end

-- As the caller learns of it: 0, 1 for suspended, or the names of the paused queues.
local function told(holds)
  if holds.suspended then return 1 end
  return holds.paused and holds.names or 0
end

-- A job that no reader of RQ could bear in another place goes to the failed registry, with the reason.
local function set_aside(w, queue, id, reason, is_hash)
  if is_hash then
    call('HSET', 'rq:job:' .. id, 'status', 'failed', 'origin', queue, 'ended_at', w.date, 'exc_info', reason)
    call('EXPIRE', 'rq:job:' .. id, YEAR)
  end
  try('ZADD', 'rq:failed:' .. queue, w.now + YEAR, id)
  return nil, 'refused: ' .. reason
end

-- What the worker gets of a job: the values of FIELDS up to RARE, then id, execution and origin; and if it has any of the rare
-- fields, a list of those and the timeouts of the three callbacks. Of a payload and meta that no worker should have to hold only
-- their length, as an integer in the payload's place.
local function row_of(id, execution, origin, fields)
  local bytes = (fields[1] and #fields[1] or 0) + (fields[5] and #fields[5] or 0)
  if bytes > MAX_BYTES then fields[1], fields[5] = bytes, false end
  local more
  for i = RARE, #FIELDS do
    if fields[i] and fields[i] ~= '' then more = { unpack(fields, RARE, #FIELDS) } end
  end
  for i = RARE, #FIELDS do fields[i] = nil end
  if more then
    local timeouts = call('HMGET', 'rq:job:' .. id, 'success_callback_timeout', 'failure_callback_timeout',
      'stopped_callback_timeout')
    for _, timeout in ipairs(timeouts) do more[#more + 1] = timeout end
  end
  fields[ID], fields[EXECUTION], fields[ORIGIN], fields[MORE] = id, execution, origin, more
  return fields
end

-- Keeps what the claiming scripts return. `prefix`: how the execution ids of the calling process begin (16 digits).
-- The moment of the run and a counter make the rest: a call that is sent again, because its reply was lost, opens other
-- executions than its first run did, and both can be found. Ids grow from claim to claim and within one.
local function new_claim(w, prefix)
  local moment = string.format('%013x', tonumber((w.now_float:gsub('%.', ''))))
  return { process = prefix, prefix = prefix .. moment:sub(-12), jobs = {}, skipped = {}, held = {}, bytes = 0, taken = {} }
end

local function skip(claim, queue, id, reason)
  claim.skipped[#claim.skipped + 1] = { queue, id, reason }
end

-- The hash of a job that may run, or nil; then the id was stepped over.
local function read_job(claim, w, queue, id)
  local key = 'rq:job:' .. id
  local fields = try('HMGET', key, unpack(FIELDS))
  local reason
  if fields.err then
    _, reason = set_aside(w, queue, id, 'the key of the job is not a hash', false)
  elseif not fields[1] and call('EXISTS', key) == 0 then
    reason = 'gone'
  elseif not id:find('^[%w_%-]+$') then
    _, reason = set_aside(w, queue, id, 'the job id has characters that RQ refuses', true)
  elseif claim.taken[id] then
    reason = 'running'
  else
    local origin = fields[3]
    if not origin or origin == '' then origin = queue end
    if fields[2] ~= 'queued' then reason = must_not_run(id, fields[2], origin) end
    if not reason then return fields, origin end
  end
  skip(claim, queue, id, reason)
  return nil
end

-- Seconds until an execution counts as abandoned.
local function lease_of(w, fields)
  local timeout = tonumber(fields[4] or w.default_timeout)
  if timeout and timeout > 0 and timeout < w.interval then return math.floor(timeout) + 60 end
  return w.interval + 60
end

-- Opens executions of the jobs whose ids were just taken from `queue`, in their order. Ids that cannot be listed where
-- recovery looks, and those that are too much for one call, go back to the head.
local function start_all(claim, w, queue, ids)
  local listed, started, back = {}, {}, nil
  for i, id in ipairs(ids) do
    if claim.bytes >= ENOUGH_BYTES then
      back = i
      claim.more = true
      break
    end
    local fields, origin = read_job(claim, w, queue, id)
    if fields then
      claim.taken[id] = true
      claim.bytes = claim.bytes + (fields[1] and #fields[1] or 0) + (fields[5] and #fields[5] or 0)
      local row = row_of(id, claim.prefix .. string.format('%04x', #claim.jobs + #started), origin, fields)
      started[#started + 1] = row
      local members = listed[origin] or {}
      listed[origin] = members
      members[#members + 1] = w.now + lease_of(w, fields)
      members[#members + 1] = id .. ':' .. row[EXECUTION]
    end
  end
  for i = #ids, back or #ids + 1, -1 do call('LPUSH', 'rq:queue:' .. queue, ids[i]) end
  -- First the place where recovery looks.
  local blocked = {}
  for origin, members in pairs(listed) do
    local added = try('ZADD', 'rq:wip:' .. origin, unpack(members))
    if type(added) == 'table' then blocked[origin] = true end
  end
  for _, row in ipairs(started) do
    if not blocked[row[ORIGIN]] then
      local key = 'rq:job:' .. row[ID]
      call('HSET', key, 'status', 'started', 'started_at', w.date, 'last_heartbeat', w.date, 'worker_name', w.name)
      if row[3] ~= row[ORIGIN] then call('HSET', key, 'origin', row[ORIGIN]) end
      if not row[4] then call('HSET', key, 'timeout', w.default_timeout) end
      -- One that never ran and has no ttl of its own does not expire.
      if row[12] or row[13] ~= '' then call('PERSIST', key) end
      -- RQ forgets that the `ttl` is over for who waits for it as well.
      if row[12] and row[12] ~= '' then
        call('PERSIST', key .. ':dependents')
        call('PERSIST', 'rq:job::' .. row[ID] .. ':dependencies')
      end
      -- The records of the execution itself are written by the first heartbeat: most jobs are done before (protocol rule 7:
      -- both or neither).
      claim.jobs[#claim.jobs + 1] = row
    end
  end
  for i = #started, 1, -1 do
    local row = started[i]
    if blocked[row[ORIGIN]] then
      call('LPUSH', 'rq:queue:' .. queue, row[ID])
      skip(claim, queue, row[ID], 'blocked: rq:wip:' .. row[ORIGIN] .. ' is not a sorted set')
      claim.blocked = queue
    end
  end
end

-- The last thing a claiming script does: the worker hash tells what the worker does now, and what it has done.
-- `running`: the id of a job that runs on, or ''. `counters`: fields and values, or nil.
local function show_state(w, claim, running, suspended, counters)
  local jobs = claim.jobs
  local current = #jobs > 0 and jobs[#jobs][ID] or running
  if current ~= '' then
    call('HSET', w.key, 'state', 'busy', 'current_job', current, 'current_job_working_time', '0', unpack(counters or {}))
  else
    call('HSET', w.key, 'state', suspended and 'suspended' or 'idle', 'current_job_working_time', '0',
      unpack(counters or {}))
    call('HDEL', w.key, 'current_job')
  end
end
