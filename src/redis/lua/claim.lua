-- Takes jobs from queues and opens their executions.
-- ARGV  worker (read_worker), running id or '', wish (read_wish)
-- Reply { 'ok', holds (told), more 0|1, jobs, skipped, held } or { 'unregistered' | 'replaced' }
--       job     { FIELDS before the rare ones…, id, execution, origin, what row_of adds or nothing }
--       skipped { queue, id, reason }
--       held    { queue, milliseconds after which to look again, -1 if that depends on the end of a job }: it has ids, and
--               none may begin now
local w, problem = read_worker()
if not w then return { problem } end
local running = arg()
local wish = read_wish()
local claim = new_claim(w, wish.prefix)
local holds = read_holds(w.now)
if not holds.suspended then take(claim, w, wish, holds.paused) end
show_state(w, claim, running, holds.suspended)
return { 'ok', told(holds), claim.more and 1 or 0, claim.jobs, claim.skipped, claim.held }
