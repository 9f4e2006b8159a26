-- ARGV: prefix, task id. Returns {record, updatedAtMs, progress, due time, due reason, inbox count, runs, feedback}.
local id = ARGV[2]
if not taskExists(id) then return {} end
local known = fields(id, 'record', 'updatedAtMs', 'progress', 'dueReason')
local at = dueAt(id)
return { known[1], known[2], known[3], at and string.format('%.0f', at) or '', known[4],
  tostring(redis.call('ZCARD', taskKey(id, 'inbox'))),
  redis.call('HVALS', taskKey(id, 'runs')), redis.call('HVALS', taskKey(id, 'feedback')) }
