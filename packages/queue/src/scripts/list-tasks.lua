-- ARGV: prefix, limit. Returns {record, updatedAtMs, progress} per task, newest first.
local answer = {}
for index, id in ipairs(redis.call('ZREVRANGE', key('tasks'), 0, ARGV[2] - 1)) do
  answer[index] = fields(id, 'record', 'updatedAtMs', 'progress')
end
return answer
