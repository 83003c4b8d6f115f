-- Releases a portion of the jobs that have waited for one that ended with more of them than one script releases.
-- ARGV  date (now)
-- Reply 1 if there are more, 0 if not
local date = arg()
local name = try('SRANDMEMBER', RELEASING)
if type(name) ~= 'string' then return 0 end
release_apart(name, date)
return call('EXISTS', RELEASING)
