-- Answers many commands that only read by one reply: whoever looks at thousands of keys is spared as many replies to take apart.
-- ARGV  the commands, as JSON: a list of lists of words
-- Reply what they answered, in that order, as JSON: false for nothing, {} for an empty list, { err } and { ok } for
--       an error and a status
local replies = {}
for i, command in ipairs(cjson.decode(ARGV[1])) do replies[i] = redis.pcall(unpack(command)) end
return cjson.encode(replies)
