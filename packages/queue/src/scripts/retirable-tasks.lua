-- ARGV: prefix, ended before, limit. Returns {id, epoch, runs, feedback rows, ids of runs with turns} per task.
local answer = {}
local ids = redis.call('ZRANGEBYSCORE', key('ended'), '-inf', '(' .. ARGV[2], 'LIMIT', 0, ARGV[3])
for index, id in ipairs(ids) do
  answer[index] = { id, field(id, 'epoch'), redis.call('HVALS', taskKey(id, 'runs')),
    redis.call('HVALS', taskKey(id, 'feedback')), redis.call('SMEMBERS', taskKey(id, 'turn-runs')) }
end
return answer
