-- Makes a cron entry known, or takes over what has its name: its occurrences count from now.
-- ARGV  entry, what it stands for, seconds of its interval or ''
-- Reply { moment that was dealt with last, now }, seconds since the epoch
local entry, what, interval = arg(), arg(), tonumber(arg())
local key = 'rq:tsrq:cron:' .. entry
local now, now_float = clock()
local state = call('HMGET', key, 'what', 'done')
local done = state[1] == what and tonumber(state[2] or '')
if not done then
  -- An interval begins at once.
  done = now - (interval or 0)
  call('HSET', key, 'what', what, 'done', done)
  call('HDEL', key, 'job')
end
call('EXPIRE', key, 34560000)
return { tostring(done), now_float }
