-- The task an index points to. ARGV: prefix, index, entry. Returns {record, updatedAtMs, newest path, newest hash}.
local id = redis.call('HGET', key(ARGV[2]), ARGV[3])
if not id then return {} end
return fields(id, 'record', 'updatedAtMs', 'planPath', 'planHash')
