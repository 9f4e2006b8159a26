-- ARGV: prefix, limit. Ranks run from 0 (critical) to 3 (low).
if #currentPause() > 0 then return {} end
local now, due = nowMs(), {}
for rank = 0, 3 do
  local left = tonumber(ARGV[2]) - #due
  if left <= 0 then break end
  local ids = redis.call('ZRANGEBYSCORE', key('due:' .. rank), '-inf', now, 'LIMIT', 0, left)
  for _, id in ipairs(ids) do due[#due + 1] = id end
end
return due
