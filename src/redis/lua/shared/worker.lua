-- Reads the arguments that describe the calling worker; nil if the worker is not registered as the
-- process that calls: its hash is gone, or another worker has taken its name.
local function read_worker()
  local w = {
    name = arg(),
    birth = arg(), -- the worker hash's `birth`: tells two workers of one name apart
    date = arg(), -- now, as RQ writes dates; '' for that of the server (date.lua)
    interval = tonumber(arg()), -- seconds between heartbeats while a job runs
    idle_ttl = tonumber(arg()), -- seconds the worker hash lives while idle
    default_timeout = arg(), -- seconds, for jobs that carry none
  }
  w.key = 'rq:worker:' .. w.name
  -- The clock of the server: whole seconds, and all of it in microseconds.
  local t = call('TIME')
  w.now, w.micros = tonumber(t[1]), t[1] * 1000000 + t[2]
  if w.date == '' then w.date = date_of(t) end
  local known = try('HMGET', w.key, 'birth', 'successful_job_count', 'failed_job_count', 'total_working_time')
  local birth = not known.err and known[1]
  if birth == w.birth then
    w.finished, w.failed, w.seconds = tonumber(known[2] or 0), tonumber(known[3] or 0), tonumber(known[4] or 0)
    call('HSET', w.key, 'last_heartbeat', w.date)
    return w
  end
  return nil, birth and 'replaced' or 'unregistered'
end
