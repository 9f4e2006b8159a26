-- Counts a feedback round for today, each round of a task once. ARGV: prefix, task id, epoch, owner, round, the day's
-- ceiling. Returns {'lost'}, {'begun', rounds today} or {'refused', rounds today}.
if not owns() then return { 'lost' } end
local rounds, member = key('rounds:day-' .. today()), ARGV[2] .. ' ' .. ARGV[5]
local count = redis.call('SCARD', rounds)
if redis.call('SISMEMBER', rounds, member) == 1 then return { 'begun', tostring(count) } end
if count >= tonumber(ARGV[6]) then return { 'refused', tostring(count) } end
redis.call('SADD', rounds, member)
redis.call('EXPIRE', rounds, 2 * 24 * 3600)
return { 'begun', tostring(count + 1) }
