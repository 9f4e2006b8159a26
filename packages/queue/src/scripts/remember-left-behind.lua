-- ARGV: prefix, repository, record.
redis.call('SET', key('left-behind:' .. ARGV[2]), ARGV[3])
