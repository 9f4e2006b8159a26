-- Marks the ledger with this version unless it has this or a newer one. Returns the version it had; '' for a new ledger.
local before = redis.call('GET', key('schema')) or ''
if (tonumber(before) or 0) < LEDGER_VERSION then redis.call('SET', key('schema'), LEDGER_VERSION) end
return before
