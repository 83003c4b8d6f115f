-- Taking ids out of the midst of a queue.

-- So many entries of the list may be passed over to find those that are taken out: a few milliseconds.
local STEPS = 200000

-- Looks at `count` ids, from the end of a queue towards its head, and takes those out that `unwanted(id)` is true of: what
-- workers take meanwhile, and what is enqueued, does no harm. `behind`: how many at its end were looked at before and stay.
-- Returns how many were looked at, and a list of those taken out.
local function sift(queue, behind, count, unwanted)
  local key = 'rq:queue:' .. queue
  local length = call('LLEN', key)
  local ids = call('LRANGE', key, -(behind + count), -(behind + 1))
  local looked, out, steps = 0, {}, 0
  for i = #ids, 1, -1 do
    if steps >= STEPS then break end
    looked = looked + 1
    if unwanted(ids[i]) then
      local from_end = behind + looked - #out
      local from_head = length - #out - from_end
      steps = steps + math.min(from_end, from_head)
      call('LREM', key, from_end <= from_head and -1 or 1, ids[i])
      out[#out + 1] = ids[i]
    end
  end
  return looked, out
end
