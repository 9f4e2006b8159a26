return redis.call('GET', spendingKey()) or '0'
