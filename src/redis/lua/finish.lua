-- Ends a batch of executions and, in the same step, claims the next jobs.
-- ARGV  worker (read_worker), running id or '', number of outcomes, then per outcome
--         id, execution, queue (origin), kind 'finished'|'failed'|'stopped'|'retry'|'returned',
--         started_at, ended_at (dates), started, ended (seconds),
--         result ttl (only for 'finished'), whether a heartbeat has written the execution's records 0|1, value (base64) or '',
--         and if it asks for another attempt ('retry'): how many at most, number of intervals, those (seconds), and
--         the value that says so (base64) or ''
--       wish (read_wish)
-- Reply { 'ok', holds (told), more 0|1, jobs, skipped, held, endings, releasing 0|1 } or { 'unregistered' | 'replaced' }
--       endings: what end_all returned for each outcome; releasing: whether release.lua has something to do
local w, problem = read_worker()
if not w then return { problem } end
local running = arg()
local outcomes = {}
for i = 1, tonumber(arg()) do
  outcomes[i] = {
    id = arg(), execution = arg(), queue = arg(), kind = arg(), started_at = arg(), ended_at = arg(),
    started = arg(), ended = arg(), ttl = arg(), announced = arg() == '1', value = arg(),
  }
  if outcomes[i].kind == 'retry' then
    local retry = { max = tonumber(arg()), intervals = {} }
    for k = 1, tonumber(arg()) do retry.intervals[k] = tonumber(arg()) end
    retry.value = arg()
    outcomes[i].retry = retry
  end
end
local endings, held = end_all(w, outcomes)
local worked, count = 0, { finished = 0, failed = 0 }
for i, ending in ipairs(endings) do
  -- RQ counts every attempt that did not succeed as failed, retried ones too.
  local word = ending[1] == 'finished' and 'finished' or 'failed'
  if ending[1] ~= 'lost' and ending[1] ~= 'repeated' and ending[1] ~= 'returned' then
    count[word] = count[word] + 1
    worked = worked + math.max(0, tonumber(outcomes[i].ended) - tonumber(outcomes[i].started))
  end
end
local counters = {}
local function counted(field, value)
  counters[#counters + 1], counters[#counters + 2] = field, value
end
if count.finished > 0 then counted('successful_job_count', string.format('%d', (w.finished or 0) + count.finished)) end
if count.failed > 0 then counted('failed_job_count', string.format('%d', (w.failed or 0) + count.failed)) end
if worked > 0 then counted('total_working_time', string.format('%.6f', (w.seconds or 0) + worked)) end

local wish = read_wish()
for _, queue in ipairs(wish.queues) do
  if queue.limits ~= '' then uncount_returned(queue, outcomes, endings) end
end
local claim = new_claim(w, wish.prefix)
local holds = held == false and { suspended = false } or read_holds(w.now, held)
if not holds.suspended and wish.count > 0 then take(claim, w, wish, holds.paused) end
show_state(w, claim, running, holds.suspended, counters)
return { 'ok', told(holds), claim.more and 1 or 0, claim.jobs, claim.skipped, claim.held, endings, releasing and 1 or 0 }
