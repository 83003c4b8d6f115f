-- Puts new jobs on their queues, in their order.
-- ARGV  mark (of this call: by it a repetition is told), then groups of jobs that have much in common, each
--         a job (read_new_job, its id ''), then for jobs that are plain -1, and packed by cmsgpack, a list: per job id, whole hash as
--         RESTORE takes it; or number of fields of its hash beside data and description, those and their
--         values, how many of these values differ from job to job, their places (from 1), and packed by cmsgpack, a list: per job
--         id, data, description, what differs
-- Reply exceptions, of the first run when this very call was carried out before (its reply was lost):
--       { place (from 1), 'scheduled' | 'deferred' | 'rate_limited' | 'repeated' | 'exists' | 'refused' | 'undumped' (send it as fields and
--       values), the status of the job that has the id or a reason }
local mark = arg()
-- The first write: Redis refuses it when it can refuse any.
local key = 'rq:tsrq:enqueued:' .. mark
if not call('SET', key, '[]', 'NX', 'EX', 60) then return cjson.decode(call('GET', key)) end
local exceptions, place = {}, 0

-- Returns ids and places of those that are stored.
local function restore_all()
  local ids, places = {}, {}
  local own = cmsgpack.unpack(arg())
  for k = 1, #own, 2 do
    place = place + 1
    if try('RESTORE', 'rq:job:' .. own[k], '0', own[k + 1]).ok then
      ids[#ids + 1], places[#places + 1] = own[k], place
    else
      exceptions[#exceptions + 1] = { place, 'undumped', '' }
    end
  end
  return ids, places
end

-- The same, of those that go on the queue at once.
local function write_all(job, count)
  local fields, differing = { 'data', '', 'description', '' }, {}
  for i = 5, 4 + 2 * count do fields[i] = arg() end
  for i = 1, tonumber(arg()) do differing[i] = 4 + 2 * tonumber(arg()) end
  local ids, places = {}, {}
  local own = cmsgpack.unpack(arg())
  for k = 1, #own, 3 + #differing do
    place = place + 1
    job.id, fields[2], fields[4] = own[k], own[k + 1], own[k + 2]
    for n, i in ipairs(differing) do fields[i] = own[k + 2 + n] end
    local ok, found = true, nil
    if not job.new or job.group ~= '' then ok, found = pcall(make_room, job) end
    if not ok then
      exceptions[#exceptions + 1] = { place, 'refused', tostring(found.err or found) }
    elseif found then
      exceptions[#exceptions + 1] = { place, found[1], found[2] or '' }
    else
      local status = write_job(job, fields)
      if status == 'queued' then
        ids[#ids + 1], places[#places + 1] = job.id, place
      else
        local problem, now = hold(job, status)
        if now ~= 'queued' then exceptions[#exceptions + 1] = { place, problem and 'refused' or now, problem or '' } end
      end
    end
  end
  return ids, places
end

while at < #ARGV do
  local job = read_new_job()
  local count = tonumber(arg())
  local ids, places
  if count < 0 then ids, places = restore_all() else ids, places = write_all(job, count) end
  local problem = #ids > 0 and push_jobs(job, ids)
  if problem then
    for _, i in ipairs(places) do exceptions[#exceptions + 1] = { i, 'refused', problem } end
  end
end
if #exceptions > 0 then call('SET', key, cjson.encode(exceptions), 'EX', 60) end
return exceptions
