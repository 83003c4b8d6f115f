-- Ends a batch of executions and, in the same step, claims the next jobs.
-- ARGV  worker (read_worker), running id, '' or '*' (conclude),
--       successes of jobs that need nothing but that it is written down, packed by cmsgpack, or '': a list of groups
--         { queue (origin), result ttl (from 60, or -1), per outcome id, execution, started_at, ended_at (dates), seconds between
--           them, stream of its result as RESTORE takes it … }
--       number of other outcomes, then per outcome
--         id, execution, queue (origin), kind 'finished'|'failed'|'stopped'|'retry'|'returned',
--         started_at, ended_at (dates), started, ended (seconds),
--         result ttl (only for 'finished'), whether a heartbeat has written the execution's records 0|1, value (base64) or '',
--         and if it asks for another attempt ('retry'): how many at most, number of intervals, those (seconds), and
--         the value that says so (base64) or ''
--       wish (read_wish)
-- Reply { 'ok', holds (`told`), more 0|1, jobs, skipped, held, microseconds since the epoch, endings, releasing 0|1 } or
--       { 'unregistered' | 'replaced' }
--       endings: those that are not plainly 'finished', { place among all outcomes (from 1), what end_all returned for it… };
--       releasing: whether release.lua has something to do
local w, problem = read_worker()
if not w then return { problem } end
local running = arg()
local finished, failed, worked, place = 0, 0, 0, 0
local others, held = {}, nil

local packed = arg()
for _, group in ipairs(packed ~= '' and cmsgpack.unpack(packed) or {}) do
  local queue, ttl = group[1], group[2]
  local wip = 'rq:wip:' .. queue
  local members, keys, count = {}, { 'rq:suspended', 'rq:tsrq:paused' }, 0
  for k = 3, #group, 6 do
    count = count + 1
    members[count] = group[k] .. ':' .. group[k + 1]
    keys[count + 2] = 'rq:job:' .. group[k] .. ':dependents'
  end
  local present
  if count == 1 then
    present = { try('ZREM', wip, members[1]) == 1 }
  else
    present = try('ZMSCORE', wip, unpack(members))
    if not present.err then call('ZREM', wip, unpack(members)) end
  end
  -- Whether somebody waits for one of them, RQ is suspended or a queue paused: mostly nothing of it, and one question tells.
  local known = call('EXISTS', unpack(keys))
  local holding = known > 0 and call('EXISTS', 'rq:suspended', 'rq:tsrq:paused') or 0
  local childless = known == holding
  held = holding > 0
  -- As texts: Redis would write the numbers anew for each job.
  local score = ttl < 0 and '+inf' or string.format('%d', w.now + ttl)
  local lifetime, seconds_left, done = string.format('%d', math.max(0, ttl) * 1000), string.format('%d', ttl), {}
  for i = 1, count do
    place = place + 1
    local k = i * 6 - 3
    local id, started_at, ended_at, seconds, dump = group[k], group[k + 2], group[k + 3], group[k + 4], group[k + 5]
    local key = 'rq:job:' .. id
    -- A job that was deleted or canceled while it ran stays so; and where there are results of former runs this is not restored.
    if childless and present[i] and try('HGET', key, 'status') == 'started'
      and try('RESTORE', 'rq:results:' .. id, lifetime, dump).ok then
      call('HSET', key, 'status', 'finished', 'started_at', started_at, 'ended_at', ended_at, 'last_heartbeat', ended_at)
      if ttl > 0 then call('EXPIRE', key, seconds_left) end
      done[#done + 1] = score
      done[#done + 1] = id
      finished = finished + 1
      worked = worked + seconds
    else
      others[#others + 1] = {
        id = id, execution = group[k + 1], queue = queue, kind = 'finished', started_at = started_at, ended_at = ended_at,
        seconds = seconds, ttl = ttl, dump = dump, present = present[i] and true or false, place = place,
      }
    end
  end
  if #done > 0 then try('ZADD', 'rq:finished:' .. queue, unpack(done)) end
end

for _ = 1, tonumber(arg()) do
  place = place + 1
  local o = {
    id = arg(), execution = arg(), queue = arg(), kind = arg(), started_at = arg(), ended_at = arg(),
    started = arg(), ended = arg(), ttl = arg(), announced = arg() == '1', value = arg(), place = place,
  }
  o.seconds = o.ended - o.started
  if o.kind == 'retry' then
    o.retry = { max = tonumber(arg()), intervals = {} }
    for k = 1, tonumber(arg()) do o.retry.intervals[k] = tonumber(arg()) end
    o.retry.value = arg()
  end
  others[#others + 1] = o
end

local wish = read_wish()
local endings, releasing = {}, false
if #others > 0 then
  local became
  became, held, releasing = end_others(w, others)
  for i, ending in ipairs(became) do
    local o, word = others[i], ending[1]
    if word ~= 'lost' and word ~= 'repeated' and word ~= 'returned' and word ~= 'refused' then
      -- RQ counts every attempt that did not succeed as failed, retried ones too.
      if word == 'finished' then finished = finished + 1 else failed = failed + 1 end
      worked = worked + math.max(0, o.seconds)
    end
    endings[i] = { o.place, unpack(ending) }
  end
  if wish.limited then uncount(wish.queues, others, became) end
end

local counters = {}
local function counted(field, value)
  counters[#counters + 1], counters[#counters + 2] = field, value
end
if finished > 0 then counted('successful_job_count', string.format('%d', (w.finished or 0) + finished)) end
if failed > 0 then counted('failed_job_count', string.format('%d', (w.failed or 0) + failed)) end
if worked > 0 then counted('total_working_time', string.format('%.6f', (w.seconds or 0) + worked)) end

local claim = new_claim(w, wish.prefix)
local holds = read_holds(w, held)
if not holds.suspended then take(claim, w, wish, holds.paused) end
local reply = conclude(w, claim, running, holds, counters)
reply[8], reply[9] = endings, releasing and 1 or 0
return reply
