-- Writes the record and its indexes, and takes inbox items out. ARGV: prefix, task id, epoch, owner, record, branch,
-- pull number, rank, time of ending, '1' with a plan text, plan text, ids of the inbox items taken up.
-- Returns {'lost'}, {'taken', 'branch' | 'pull request', by whom} or {'saved', nowMs}.
if not owns() then return { 'lost' } end
local id, record, branch, pullNumber, rank, endedAtMs = ARGV[2], unpack(ARGV, 5, 9)
local hasPlanText, planText = ARGV[10], ARGV[11]
local before = fields(id, 'repository', 'branch', 'pullNumber', 'rank')
local repository, now = before[1], nowMs()

-- A living task keeps its branch and pull request to itself; an ended one yields them.
local function otherOwner(index, name)
  local owner = redis.call('HGET', key(index), repository .. '\n' .. name)
  return owner and owner ~= id and field(owner, 'ended') ~= '1' and owner
end
local branchOwner = branch ~= before[2] and otherOwner('branches', branch)
if branchOwner then return { 'taken', 'branch', branchOwner } end
local pullOwner = pullNumber ~= '' and pullNumber ~= before[3] and otherOwner('pulls', pullNumber)
if pullOwner then return { 'taken', 'pull request', pullOwner } end

if rank ~= before[4] then
  local at = dueAt(id)
  redis.call('ZREM', key('due:' .. before[4]), id)
  if at then redis.call('ZADD', key('due:' .. rank), at, id) end
end
redis.call('HSET', taskKey(id), 'record', record, 'updatedAtMs', now, 'branch', branch, 'pullNumber', pullNumber,
  'rank', rank, 'ended', endedAtMs ~= '' and '1' or '')
if hasPlanText == '1' then redis.call('HSET', taskKey(id), 'planText', planText) end
local taken = {}
for index = 12, #ARGV do taken[ARGV[index]] = true end
for _, entry in ipairs(inboxEntries(id)) do
  if taken[entry.id] then removeItem(id, entry.kind, entry.id) end
end

if branch ~= before[2] then redis.call('HSET', key('branches'), repository .. '\n' .. branch, id) end
if pullNumber ~= '' then redis.call('HSET', key('pulls'), repository .. '\n' .. pullNumber, id) end
if branch ~= before[2] or pullNumber ~= before[3] then claimStored(id, repository, branch, pullNumber, now) end

if endedAtMs ~= '' then
  redis.call('ZADD', key('ended'), endedAtMs, id)
else
  redis.call('ZREM', key('ended'), id)
end
return { 'saved', now }
