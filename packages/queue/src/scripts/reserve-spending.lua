-- Sets money of the day aside for one call. ARGV: prefix, task id, epoch, owner, reservation id, amount wanted, least
-- amount that is of use, what is counted if the owner dies, the day's ceiling.
-- Returns {'lost'}, {'reserved', amount} or {'refused', spent today, set aside by others}.
if not owns() then return { 'lost' } end
local id, epoch, reservation = ARGV[2], ARGV[3], ARGV[5]
local wanted, least, ceiling = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[9])
-- Asked again after a lost answer, the same reservation is made anew.
redis.call('HDEL', key('reservations'), reservation)
local reserved, spent = reservedNow(), spentToday()
local amount = math.min(wanted, ceiling - spent - reserved)
if amount < least then return { 'refused', integer(spent), integer(reserved) } end
redis.call('HSET', key('reservations'), reservation, table.concat({ id, epoch, integer(amount), ARGV[8] }, ' '))
return { 'reserved', integer(amount) }
