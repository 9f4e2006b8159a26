-- ARGV: prefix, task id, epoch, owner, 'add' or 'update', then id and row in turn. Returns {'ok', ids written...}.
if not owns() then return { 'lost' } end
local command = ARGV[5] == 'add' and 'HSETNX' or 'HSET'
local answer = { 'ok' }
for index = 6, #ARGV, 2 do
  local isNew = redis.call(command, taskKey(ARGV[2], 'feedback'), ARGV[index], ARGV[index + 1])
  if isNew == 1 then answer[#answer + 1] = ARGV[index] end
end
return answer
