-- ARGV: prefix, task id, epoch, owner, due time or '', reason.
if not owns() then return { 'lost' } end
local id, dueAtMs, reason = ARGV[2], ARGV[5], ARGV[6]
redis.call('HDEL', taskKey(id), 'owner', 'leaseUntilMs')
if redis.call('ZCARD', taskKey(id, 'inbox')) > 0 then
  setDue(id, nowMs(), 'inbox')
elseif dueAtMs ~= '' then
  setDue(id, dueAtMs, reason)
else
  clearDue(id)
end
return { 'released' }
