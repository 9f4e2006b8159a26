-- ARGV: prefix, task id, epoch, owner, due time or '', reason, sequence of the newest inbox item that the owner knows of
-- and leaves until the due time ('0': none). What it does not know of makes the task due now.
if not owns() then return { 'lost' } end
local id, dueAtMs, reason, left = ARGV[2], ARGV[5], ARGV[6], tonumber(ARGV[7])
local newest = redis.call('ZRANGE', taskKey(id, 'inbox'), -1, -1, 'WITHSCORES')[2]
redis.call('HDEL', taskKey(id), 'owner', 'leaseUntilMs')
if tonumber(newest or '0') > left then
  setDue(id, nowMs(), 'inbox')
elseif dueAtMs ~= '' then
  setDue(id, dueAtMs, reason)
else
  clearDue(id)
end
return { 'released' }
