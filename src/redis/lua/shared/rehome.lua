-- Makes another queue the origin of a job. One that is repeated is listed with its last run in the registry of finished
-- jobs: that entry goes along, as by its origin it is looked for. `repeats`: its repeats_left.
local function rehome(id, from, to, repeats)
  call('HSET', 'rq:job:' .. id, 'origin', to)
  local score = repeats and try('ZSCORE', 'rq:finished:' .. from, id)
  if type(score) ~= 'string' then return end
  if type(try('ZADD', 'rq:finished:' .. to, score, id)) == 'number' then call('ZREM', 'rq:finished:' .. from, id) end
end
