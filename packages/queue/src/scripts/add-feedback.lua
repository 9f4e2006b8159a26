-- ARGV: prefix, task id, epoch, owner, 'add' or 'update', then id and row in turn. Returns {'ok', ids written...}.
-- A new row for which there is no room is left out: it is read from GitHub again.
if not owns() then return { 'lost' } end
local id, adds = ARGV[2], ARGV[5] == 'add'
local rows, answer = taskKey(id, 'feedback'), { 'ok' }
local bytes = math.max(0, tonumber(field(id, 'feedbackBytes')) or 0)
for index = 6, #ARGV, 2 do
  local row, size = ARGV[index], #ARGV[index + 1]
  local before = redis.call('HSTRLEN', rows, row)
  if not adds or (before == 0 and bytes + size <= MAX_FEEDBACK_BYTES) then
    redis.call('HSET', rows, row, ARGV[index + 1])
    -- Rows that version 1 wrote were not counted.
    bytes = math.max(0, bytes + size - before)
    if before == 0 then answer[#answer + 1] = row end
  end
end
redis.call('HSET', taskKey(id), 'feedbackBytes', bytes)
return answer
