-- ARGV: prefix, task id, epoch, owner, event, progress or ''.
if not owns() then return { 'lost' } end
appendEvent(ARGV[2], ARGV[5])
if ARGV[6] ~= '' then redis.call('HSET', taskKey(ARGV[2]), 'progress', ARGV[6]) end
return { 'ok' }
