-- Finds executions that this worker opened without learning of it, because the reply was lost.
-- ARGV  first digits of the execution ids of this process, number of known executions, those, then the queues
-- Reply rows as in claim.lua
local prefix = arg()
local known = {}
for _ = 1, tonumber(arg()) do known[arg()] = true end
local rows, looked = {}, {}

local function look(queue)
  if looked[queue] then return end
  looked[queue] = true
  local members = try('ZRANGE', 'rq:wip:' .. queue, 0, -1)
  for _, member in ipairs(members.err and {} or members) do
    local id, execution = member:match('^([^:]*):(.*)$')
    if id and execution:sub(1, #prefix) == prefix and not known[execution] then
      local job = read_job(id)
      if not job.err then
        make_row(job, id, execution, queue)
        rows[#rows + 1] = job
      end
    end
  end
end

while at < #ARGV do look(arg()) end
-- A job that somebody has put on a queue it does not come from is listed where it comes from.
local all = try('SMEMBERS', 'rq:queues')
for _, key in ipairs(all.err and {} or all) do
  local queue = key:match('^rq:queue:(.+)$')
  if queue then look(queue) end
end
return rows
