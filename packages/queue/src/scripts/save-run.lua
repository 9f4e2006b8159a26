-- ARGV: prefix, task id, epoch, owner, run id, run.
if not owns() then return { 'lost' } end
redis.call('HSET', taskKey(ARGV[2], 'runs'), ARGV[5], ARGV[6])
return { 'ok' }
