-- The body of end_others(w, outcomes).
-- Ends those executions that need more than `finish.lua` does for most of them. Returns what `end_all` does, then whether
-- release.lua has something to do.
local endings, held = end_all(w, outcomes)
return endings, held, releasing
