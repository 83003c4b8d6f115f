-- Takes or keeps the scheduler locks of queues, as RQ's scheduler holds them, and shows who does.
-- ARGV  name of the scheduler, seconds to live, queues it holds besides (as RQ lists them), queues..., then after '': fields and
--       values of its hash
-- Reply the queues it holds of these
local name, ttl, besides = arg(), arg(), arg()
local held = {}
for queue in arg do
  if queue == '' then break end
  local lock = 'rq:scheduler-lock:' .. queue
  if call('SET', lock, name, 'NX', 'EX', ttl) then
    held[#held + 1] = queue
  elseif try('GET', lock) == name then
    call('EXPIRE', lock, ttl)
    held[#held + 1] = queue
  end
end
if #held > 0 then
  local key = 'rq:scheduler:' .. name
  local all = table.concat(held, ',')
  if besides ~= '' then all = besides .. ',' .. all end
  call('HSET', key, 'queues', all, unpack(ARGV, at + 1))
  call('EXPIRE', key, ttl)
end
return held
