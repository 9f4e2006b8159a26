-- Puts what a call cost in the place of its reservation; a reservation that is gone was settled before.
-- ARGV: prefix, task id, epoch, owner, reservation id, cost. Counted also for somebody who lost the task: it is paid.
if redis.call('HDEL', key('reservations'), ARGV[5]) == 1 then addSpent(ARGV[2], ARGV[6]) end
if not owns() then return { 'lost' } end
return { 'ok' }
