-- ARGV: prefix, task id, epoch, owner, run id, kind, turn, 'body' or 'file', body or hash of the body's file.
if not owns() then return { 'lost' } end
redis.call('SADD', taskKey(ARGV[2], 'turn-runs'), ARGV[5])
redis.call('XADD', key('run:' .. ARGV[5] .. ':turns'), '*', 'kind', ARGV[6], 'turn', ARGV[7], ARGV[8], ARGV[9])
return { 'ok' }
