-- ARGV: prefix, a fresh random text, which becomes the ledger's identity where it has none.
redis.call('SETNX', key('identity'), ARGV[2])
return redis.call('GET', key('identity'))
