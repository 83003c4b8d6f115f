-- Takes jobs from queues and opens their executions.
-- ARGV  worker (read_worker), running id or '', wish (read_wish)
-- Reply { 'ok', holds (`told`), more 0|1, jobs, skipped, held, microseconds since the epoch } or { 'unregistered' | 'replaced' }
--       jobs    a list, or the same packed by cmsgpack; each as make_row has made it
--       skipped { queue, id, reason }
--       held    { queue, milliseconds after which to look again, -1 if that depends on the end of a job }: it has ids, and
--               none may begin now
local w, problem = read_worker()
if not w then return { problem } end
local running = arg()
local wish = read_wish()
local claim = new_claim(w, wish.prefix)
local holds = read_holds(w)
if not holds.suspended then take(claim, w, wish, holds.paused) end
return conclude(w, claim, running, holds)
