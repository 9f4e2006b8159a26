-- ARGV: prefix, repository, branch, pull number, kind, item id, item, settle time.
-- Returns {'added' | 'duplicate' | 'full', task id} or {'stored' | 'duplicate', ''}.
local repository, branch, pullNumber, kind, itemId, item = unpack(ARGV, 2, 7)
local now = nowMs()

local id = pullNumber ~= '' and redis.call('HGET', key('pulls'), repository .. '\n' .. pullNumber)
id = id or (branch ~= '' and redis.call('HGET', key('branches'), repository .. '\n' .. branch))
if id then
  local answer = addItem(id, kind, itemId, item, '')
  if answer == 'added' then nudge(id, now, tonumber(ARGV[8]), tonumber(ARGV[8]) > 0 and 'settling' or kind) end
  return { answer, id }
end

removeOldStored(repository, now)
local order = key('stored:' .. repository)
if redis.call('ZSCORE', order, itemId) then return { 'duplicate', '' } end
if redis.call('ZCARD', order) >= MAX_STORED then removeStored(repository, redis.call('ZRANGE', order, 0, 0)[1]) end
redis.call('ZADD', order, nextStoredScore(order), itemId)
redis.call('HSET', key('stored-targets:' .. repository), itemId, pullNumber .. ' ' .. branch)
redis.call('HSET', key('stored-items:' .. repository), itemId, kind .. ' ' .. item)
for _, name in ipairs({ 'stored:', 'stored-targets:', 'stored-items:' }) do
  redis.call('PEXPIRE', key(name .. repository), STORED_MS)
end
return { 'stored', '' }
