-- What putting new jobs on queues has in common, as far as they are not plain (new_job.lua).

-- The last two are RQ 3's.
local LIVE = {
  queued = true, started = true, deferred = true, scheduled = true, rate_limited = true, ready_to_enqueue = true,
}

-- Whether this call was carried out before, or the id is in use; nil if the job may be stored, and what had the id is gone.
-- Raises if the key is no hash, or that of its group no set.
local function make_room(job)
  local key, mark = 'rq:job:' .. job.id, 'rq:tsrq:enqueued:' .. job.id
  for _, set in ipairs(job.group ~= '' and { 'rq:group:' .. job.group, 'rq:groups' } or {}) do
    if type(try('SCARD', set)) ~= 'number' then error('WRONGTYPE ' .. set .. ' is not a set') end
  end
  if job.new and call('EXISTS', key, mark) == 0 then return nil end
  local created_at = try('HGET', key, 'created_at')
  if type(created_at) == 'table' then error('WRONGTYPE ' .. key .. ' is not a hash') end
  if created_at == job.created_at then return { 'repeated' } end
  if not created_at and call('GET', mark) == job.created_at then return { 'repeated' } end
  local old = call('HMGET', key, 'status', 'origin', 'data', 'group_id', 'rate_limit_key')
  local exists = old[1] or old[3]
  if exists and (job.rule == 'unique' or (LIVE[old[1]] and (job.rule ~= 'replace' or old[1] == 'started'))) then
    return { 'exists', old[1] or '' }
  end
  -- The first write: Redis refuses it when it can refuse any.
  call('SADD', 'rq:queues', 'rq:queue:' .. job.queue)
  -- The new job must not be listed twice, nor wait for the parents of the former, nor be ended by a run of it.
  local origin = exists and old[2] or job.queue
  if exists then
    if old[1] == 'queued' then call('LREM', 'rq:queue:' .. origin, 0, job.id) end
    unlist(job.id, origin)
    if old[4] and old[4] ~= '' then try('SREM', 'rq:group:' .. old[4], job.id) end
    call('DEL', key, 'rq:job::' .. job.id .. ':dependencies', 'rq:tsrq:log:' .. job.id)
    local now = clock()
    if old[5] then release_slot(old[5], job.id, now, job.created_at) end
  end
  cut_off(job.id, origin)
  return nil
end

-- What a job waits for: 'scheduled' for its time, 'deferred' for a parent that is not done (RQ: one whose hash is gone is;
-- one that failed, where the job allows it), or 'queued' for nothing.
local function status_of(job)
  if job.due ~= '' then return 'scheduled' end
  for _, parent in ipairs(job.parents) do
    local status = try('HGET', 'rq:job:' .. parent, 'status')
    if type(status) == 'string' and status ~= 'finished' and not (status == 'failed' and job.lenient) then
      return 'deferred'
    end
  end
  return 'queued'
end

-- Writes the hash of a job: what RQ always writes, and `fields`, names and values. Returns its status.
local function write_job(job, fields)
  local status = status_of(job)
  if status == 'queued' and job.limit ~= '' then status = 'rate_limited' end
  write_hash(job, status, fields)
  -- Python cannot delete a job whose group does not exist.
  if job.group ~= '' then
    call('SADD', 'rq:group:' .. job.group, job.id)
    call('SADD', 'rq:groups', job.group)
  end
  if job.ttl ~= '' then expire_job(job.id, seconds(job.ttl, -1)) end
  -- Whoever runs it leaves nothing by which a repetition could be told.
  if job.brief then call('SET', 'rq:tsrq:enqueued:' .. job.id, job.created_at, 'EX', 60) end
  return status
end

-- Takes back what was written of jobs that have no place, and says why.
local function take_back(job, ids, reason)
  for _, id in ipairs(ids) do
    call('DEL', 'rq:job:' .. id, 'rq:tsrq:enqueued:' .. id)
    if job.group ~= '' then call('SREM', 'rq:group:' .. job.group, id) end
  end
  return 'WRONGTYPE ' .. reason
end

-- Puts stored jobs on their queue. Returns nil, or what is wrong with the queue: then they are gone again.
local function push_jobs(job, ids)
  if not push_new(job, ids) then return take_back(job, ids, 'the key of the queue ' .. job.queue .. ' is not a list') end
end

-- Puts a stored job where it waits for its time, its parents or its turn. Returns nil and its status now, or what is wrong as
-- `push_jobs`.
local function hold(job, status)
  if status == 'rate_limited' then
    local now = clock()
    local turn = wait_for_slot(job.limit, job.most, job.id, now, job.created_at)
    if turn then return nil, turn end
    return take_back(job, { job.id }, 'the keys of the rate limit ' .. job.limit .. ' are not what RQ makes of them')
  end
  local registry = 'rq:' .. status .. ':' .. job.queue
  local added = try('ZADD', registry, status == 'scheduled' and job.due or clock(), job.id)
  if type(added) ~= 'number' then return take_back(job, { job.id }, registry .. ' is not a sorted set') end
  call('SADD', 'rq:queues', 'rq:queue:' .. job.queue)
  if status == 'scheduled' then return nil, status end
  for _, parent in ipairs(job.parents) do
    try('SADD', 'rq:job:' .. parent .. ':dependents', job.id)
    try('SADD', 'rq:job::' .. job.id .. ':dependencies', parent)
  end
  return nil, status
end
