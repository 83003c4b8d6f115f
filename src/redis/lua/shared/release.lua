-- Releasing the jobs that wait for another one (its dependents), so many in one script and the rest in later ones.

-- How many more this script may release.
local portion = 100
-- The names of the sets of jobs that are still to be released: status and id of the job they have waited for.
local RELEASING = 'rq:tsrq:releasing'
-- Whether this script has left jobs to be released by the next.
local releasing = false

-- Whether a job is done for one that waits for it. RQ: one whose hash is gone is; one that failed, where failure is allowed.
local function is_done(status, lenient)
  return not status or status == 'finished' or (status == 'failed' and lenient)
end

local function status_now(id)
  local status = try('HGET', 'rq:job:' .. id, 'status')
  return type(status) == 'string' and status
end

-- The ids of the jobs that a job waits for; of its hash where its set is not written yet (RQ's enqueue_many). Nil if that
-- is no list of ids.
local function parents_of(child, dependency_ids)
  local parents = try('SMEMBERS', 'rq:job::' .. child .. ':dependencies')
  if not parents.err and #parents > 0 then return parents end
  if not dependency_ids or dependency_ids == '' then return {} end
  local ok, list = pcall(cjson.decode, dependency_ids)
  if not ok or type(list) ~= 'table' then return nil end
  for _, id in pairs(list) do
    if type(id) ~= 'string' then return nil end
  end
  return list
end

-- Puts a deferred job on its queue if all it waits for is done. `parent`, `status`: one of these, and how it ended.
-- Returns 'released', 'waits', or what its status is instead of deferred.
local function release(child, date, parent, status)
  local key = 'rq:job:' .. child
  local c = try('HMGET', key, 'status', 'origin', 'enqueue_at_front', 'allow_dependency_failures', 'ttl', 'dependency_ids',
    'rate_limit_key', 'rate_limit_concurrency')
  if c.err or c[1] ~= 'deferred' or not c[2] then return c[1] or 'gone' end
  local lenient = c[4] == '1'
  if parent and not is_done(status, lenient) then return 'waits' end
  local parents = parents_of(child, c[6])
  if not parents then return 'waits' end
  local gone = {}
  for _, other in ipairs(parents) do
    if other ~= parent then
      local now = status_now(other)
      if not is_done(now, lenient) then return 'waits' end
      if not now then gone[#gone + 1] = other end
    end
  end
  if not place(child, c[2], c[3] == '1', c[7], c[8], clock(), date) then return 'waits' end
  try('ZREM', 'rq:deferred:' .. c[2], child)
  local ttl = seconds(c[5])
  if ttl and ttl > 0 then expire_job(child, ttl) end
  -- The sets of those that end go with them; who was gone before leaves one that nobody removes.
  for _, other in ipairs(parent and gone or parents) do try('SREM', 'rq:job:' .. other .. ':dependents', child) end
  return 'released'
end

-- Sets the jobs that wait for `id` now apart: whatever becomes of `id`, and of its id, they are not forgotten. No time to
-- live: whoever looks after the queues goes on with them until none is left.
local function set_apart(id, status)
  local name = status .. ':' .. id
  local key, apart = 'rq:job:' .. id .. ':dependents', RELEASING .. ':' .. name
  call('SADD', RELEASING, name)
  if call('EXISTS', apart) == 1 then
    call('SUNIONSTORE', apart, apart, key)
    call('DEL', key)
  else
    call('RENAME', key, apart)
    call('PERSIST', apart)
  end
  releasing = true
  return name
end

-- Releases a portion of the jobs that were set apart. Those that wait on wait for `id` again as long as it exists: it may
-- have failed, and be done after a requeue.
local function release_apart(name, date)
  -- The first write; one that is refused when memory is full, before an id is taken from the set.
  call('SADD', RELEASING, name)
  local status, id = name:match('^(%l+):(.+)$')
  id = id or ''
  local apart, key = RELEASING .. ':' .. name, 'rq:job:' .. id
  local children = try('SPOP', apart, portion)
  portion = portion - (children.err and 0 or #children)
  local now = status_now(id)
  local back = {}
  for _, child in ipairs(status and not children.err and children or {}) do
    local outcome = release(child, date, id, status)
    -- Done since: it was requeued.
    if outcome == 'waits' and now and now ~= status then outcome = release(child, date, id, now) end
    if outcome == 'waits' and now then back[#back + 1] = child end
  end
  if #back > 0 then
    try('SADD', key .. ':dependents', unpack(back))
    local left = call('PTTL', key)
    if left >= 0 then call('EXPIRE', key .. ':dependents', math.ceil(left / 1000)) end
  end
  if children.err or call('EXISTS', apart) == 0 then call('SREM', RELEASING, name) end
end

-- Puts the jobs that wait for `id` on their queues, as far as all they wait for is done. `status`: how `id` ended.
-- Returns true if there were none.
local function release_dependents(id, status, date)
  local key = 'rq:job:' .. id .. ':dependents'
  local count = try('SCARD', key)
  if type(count) ~= 'number' or count == 0 then return true end
  -- RQ: a stopped job releases nobody, not even those that allow failure.
  if status == 'stopped' then return false end
  if count > portion then
    local name = set_apart(id, status)
    if portion > 0 then release_apart(name, date) end
    return false
  end
  portion = portion - count
  local released = {}
  for _, child in ipairs(call('SMEMBERS', key)) do
    if release(child, date, id, status) == 'released' then released[#released + 1] = child end
  end
  if #released > 0 then call('SREM', key, unpack(released)) end
  return false
end
