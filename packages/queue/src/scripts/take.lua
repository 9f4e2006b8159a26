-- ARGV: prefix, task id, owner, lease time. Returns {'taken', epoch}, {'busy'}, {'paused'} or {'unknown'}.
local id, owner, leaseMs = ARGV[2], ARGV[3], tonumber(ARGV[4])
if not taskExists(id) then return { 'unknown' } end
if #currentPause() > 0 then return { 'paused' } end
local now = nowMs()
if leaseHolds(id, now) and field(id, 'owner') ~= owner then return { 'busy' } end
local epoch = redis.call('HINCRBY', taskKey(id), 'epoch', 1)
redis.call('HSET', taskKey(id), 'owner', owner, 'leaseUntilMs', now + leaseMs)
redis.call('HDEL', taskKey(id), 'settlingSinceMs')
setDue(id, now + leaseMs, 'lease')
return { 'taken', tostring(epoch) }
