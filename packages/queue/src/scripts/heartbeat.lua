-- ARGV: prefix, task id, epoch, owner, lease time. Returns {'lost'}, or {'held' | 'paused', sequence of the newest item
-- that ever came, kinds of all waiting items...}.
if not owns() then return { 'lost' } end
local id, leaseUntilMs = ARGV[2], nowMs() + tonumber(ARGV[5])
redis.call('HSET', taskKey(id), 'leaseUntilMs', leaseUntilMs)
setDue(id, leaseUntilMs, 'lease')
local answer = { #currentPause() > 0 and 'paused' or 'held', inboxSequence(id) }
for _, entry in ipairs(inboxEntries(id)) do answer[#answer + 1] = entry.kind end
return answer
