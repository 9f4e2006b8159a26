-- Shrinks one ended task. ARGV: prefix, id, epoch that was read, ended before, number of runs,
-- then run id and run in turn, then feedback id and row in turn. Returns 1, or 0 if somebody took the task since.
local id, epoch, endedBefore, runCount = unpack(ARGV, 2, 5)
local endedAt = tonumber(redis.call('ZSCORE', key('ended'), id) or nil)
if not endedAt or endedAt >= tonumber(endedBefore) then return 0 end
if field(id, 'epoch') ~= epoch or leaseHolds(id, nowMs()) then return 0 end

redis.call('HDEL', taskKey(id), 'planText', 'progress')
redis.call('DEL', taskKey(id, 'events'), taskKey(id, 'seen'))
for _, runId in ipairs(redis.call('SMEMBERS', taskKey(id, 'turn-runs'))) do
  redis.call('DEL', key('run:' .. runId .. ':turns'), key('run:' .. runId .. ':checkpoint'))
end
local firstRow = 6 + 2 * runCount
for index = 6, firstRow - 1, 2 do redis.call('HSET', taskKey(id, 'runs'), ARGV[index], ARGV[index + 1]) end
for index = firstRow, #ARGV, 2 do redis.call('HSET', taskKey(id, 'feedback'), ARGV[index], ARGV[index + 1]) end
return 1
