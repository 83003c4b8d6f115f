-- Writes what a running job tells of itself, its meta and lines of its log; refused when the execution is not the caller's any
-- more. The log keeps the last 1,000 lines, and lives a week after the last one unless the job's end says otherwise.
-- ARGV  id, execution, queue, meta or '', number of the first line (they are counted through an execution), then the lines
-- Reply 1 or 0; lines that are written already are not written again
local id, execution, queue, meta, number = arg(), arg(), arg(), arg(), tonumber(arg())
local key, log = 'rq:job:' .. id, 'rq:tsrq:log:' .. id
if not call('ZSCORE', 'rq:wip:' .. queue, id .. ':' .. execution) then return 0 end
if call('EXISTS', key) == 0 then return 0 end
if meta ~= '' then call('HSET', key, 'meta', meta) end
if at == #ARGV then return 1 end
-- By this field the end of the job knows that there is a log to expire with it.
call('HSET', key, 'tsrq_log', '1')
local last = try('XREVRANGE', log, '+', '-', 'COUNT', 1)
local written = 0
if not last.err and last[1] and last[1][2][2] == execution then written = tonumber(last[1][2][4]) end
while at < #ARGV do
  local line = arg()
  if number > written then
    try('XADD', log, 'MAXLEN', 1000, '*', 'execution', execution, 'number', number, 'text', line)
  end
  number = number + 1
end
call('EXPIRE', log, 604800)
return 1
