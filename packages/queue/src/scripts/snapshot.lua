-- ARGV: prefix, task id. Returns {nowMs, record, updatedAtMs, sequence of the newest item that ever came, waiting items...},
-- or nothing for an unknown task. What people and GitHub say of the task itself comes first, then as many comments as one
-- reading takes, commands before.
local MAX_READ_BYTES = 2 * 1024 * 1024
local id = ARGV[2]
if not taskExists(id) then return {} end
local known = fields(id, 'record', 'updatedAtMs')
local answer = { nowMs(), known[1], known[2], inboxSequence(id) }
local ranks, bytes = { ['comment-command'] = 2, feedback = 3 }, 0
local entries = inboxEntries(id)
for rank = 1, 3 do
  for _, entry in ipairs(entries) do
    if (ranks[entry.kind] or 1) == rank then
      local size = redis.call('HSTRLEN', taskKey(id, 'inbox-items'), entry.id)
      if rank > 1 and bytes > 0 and bytes + size > MAX_READ_BYTES then return answer end
      bytes = bytes + size
      answer[#answer + 1] = redis.call('HGET', taskKey(id, 'inbox-items'), entry.id)
    end
  end
end
return answer
