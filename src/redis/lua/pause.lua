-- Pauses a queue, or ends that: tsrq's workers take nothing from it.
-- ARGV  queue, seconds, '' for ever, 0 to end it
-- Reply 1 if it was paused before, 0 if not
local queue, duration = arg(), arg()
local key = 'rq:tsrq:paused'
local now = clock()
local score = try('ZSCORE', key, queue)
local was = score and not score.err and (score == 'inf' or tonumber(score) > now)
if duration == '0' then
  call('ZREM', key, queue)
else
  call('ZADD', key, duration == '' and '+inf' or now + tonumber(duration), queue)
end
call('ZREMRANGEBYSCORE', key, '-inf', now)
-- The key lives as long as a queue is paused: that it exists costs every claim a question.
local last = call('ZRANGE', key, -1, -1, 'WITHSCORES')
if last[2] and last[2] ~= 'inf' then call('EXPIREAT', key, math.ceil(tonumber(last[2]))) else call('PERSIST', key) end
return was and 1 or 0
