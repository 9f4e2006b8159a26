-- Keeps the newest checkpoint of a run; an older one than what is there changes nothing.
-- ARGV: prefix, task id, epoch, owner, run id, turn, checkpoint or '' (what is there holds at this turn, too).
if not owns() then return { 'lost' } end
local checkpoint = key('run:' .. ARGV[5] .. ':checkpoint')
local turn = redis.call('HGET', checkpoint, 'turn')
if turn and tonumber(turn) > tonumber(ARGV[6]) then return { 'ok' } end
if ARGV[7] ~= '' then
  -- Runs with turns are those whose keys are removed when the task is shrunk.
  redis.call('SADD', taskKey(ARGV[2], 'turn-runs'), ARGV[5])
  redis.call('HSET', checkpoint, 'turn', ARGV[6], 'record', ARGV[7])
elseif turn then
  redis.call('HSET', checkpoint, 'turn', ARGV[6])
end
return { 'ok' }
