-- Finds executions that this worker opened without learning of it, because the reply was lost.
-- ARGV  first digits of the execution ids of this process, number of known executions, those, then the queues
-- Reply rows as in claim.lua
local prefix = arg()
local known = {}
for _ = 1, tonumber(arg()) do known[arg()] = true end
local rows = {}
while at < #ARGV do
  local queue = arg()
  local members = try('ZRANGE', 'rq:wip:' .. queue, 0, -1)
  for _, member in ipairs(members.err and {} or members) do
    local id, execution = member:match('^([^:]*):(.*)$')
    if id and execution:sub(1, #prefix) == prefix and not known[execution] then
      local fields = try('HMGET', 'rq:job:' .. id, unpack(FIELDS))
      if not fields.err then rows[#rows + 1] = { id, execution, queue, unpack(fields, 1, #FIELDS) } end
    end
  end
end
return rows
