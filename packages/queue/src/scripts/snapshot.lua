-- ARGV: prefix, task id. Returns {nowMs, record, updatedAtMs, waiting items...}, or nothing for an unknown task. What
-- people and GitHub say of the task itself comes first, then as much feedback as one reading takes.
local MAX_READ_BYTES = 2 * 1024 * 1024
local id = ARGV[2]
if not taskExists(id) then return {} end
local known = fields(id, 'record', 'updatedAtMs')
local answer = { nowMs(), known[1], known[2] }
local entries, bytes = inboxEntries(id), 0
for _, entry in ipairs(entries) do
  if entry.kind ~= 'feedback' then answer[#answer + 1] = redis.call('HGET', taskKey(id, 'inbox-items'), entry.id) end
end
for _, entry in ipairs(entries) do
  if entry.kind == 'feedback' then
    local size = redis.call('HSTRLEN', taskKey(id, 'inbox-items'), entry.id)
    if bytes > 0 and bytes + size > MAX_READ_BYTES then break end
    bytes = bytes + size
    answer[#answer + 1] = redis.call('HGET', taskKey(id, 'inbox-items'), entry.id)
  end
end
return answer
