-- Forgets that a task still has to be shrunk, once its files are gone too. ARGV: prefix, id, ended before.
local id = ARGV[2]
local endedAt = tonumber(redis.call('ZSCORE', key('ended'), id) or nil)
if not endedAt or endedAt >= tonumber(ARGV[3]) then return 0 end
redis.call('ZREM', key('ended'), id)
redis.call('DEL', taskKey(id, 'turn-runs'))
return 1
