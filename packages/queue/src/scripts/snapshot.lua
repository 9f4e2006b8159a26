-- ARGV: prefix, task id. Returns {nowMs, record, updatedAtMs, waiting items...}, or nothing for an unknown task.
local id = ARGV[2]
if not taskExists(id) then return {} end
local known = fields(id, 'record', 'updatedAtMs')
local answer = { nowMs(), known[1], known[2] }
for _, entry in ipairs(inboxEntries(id)) do
  answer[#answer + 1] = redis.call('HGET', taskKey(id, 'inbox-items'), entry.id)
end
return answer
