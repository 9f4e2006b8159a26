-- A worker says that it lives and what it has under way. ARGV: prefix, worker's id, record, how long that is kept (ms).
-- Returns {who, since} of the pause, or nothing.
redis.call('SET', key('worker:' .. ARGV[2]), ARGV[3], 'PX', ARGV[4])
redis.call('ZADD', key('workers'), nowMs(), ARGV[2])
return currentPause()
