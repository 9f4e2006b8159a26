-- ARGV: prefix, task id, epoch, owner, millionths of a dollar. Returns {'ok', the day's total}.
if not owns() then return { 'lost' } end
local total = redis.call('INCRBY', spendingKey(), ARGV[5])
-- Long enough to look back over a month.
redis.call('EXPIRE', spendingKey(), 40 * 24 * 3600)
return { 'ok', tostring(total) }
