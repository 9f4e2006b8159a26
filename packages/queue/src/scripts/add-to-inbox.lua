-- ARGV: prefix, task id, kind, item id, item, plan hash. Returns what addItem says, or 'unknown-task'.
local id, kind, itemId, item, planHash = unpack(ARGV, 2, 6)
if not taskExists(id) then return 'unknown-task' end
local answer = addItem(id, kind, itemId, item, planHash)
if answer == 'added' then nudge(id, nowMs(), 0, kind) end
return answer
