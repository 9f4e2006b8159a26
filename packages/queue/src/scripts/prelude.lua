-- Put in front of every script. ARGV[1] is the prefix of all keys of this instance.
-- Empty text stands for "absent" in arguments and in what scripts return.

-- Limits on what strangers can make grow; the reconciler finds later what did not fit.
local MAX_WAITING_FEEDBACK = 1000
-- An inbox, and the rows it becomes, have to be read within a command's time of 2 s: a comment may have 128 KiB.
local MAX_WAITING_BYTES = 4 * 1024 * 1024
local MAX_FEEDBACK_BYTES = 8 * 1024 * 1024
local MAX_SEEN = 10000
-- Commands have room of their own, so that no feedback keeps a writer's cancel out. They are short: all of them fit into
-- one reading of the inbox.
local MAX_WAITING_COMMANDS = 300
local MAX_SEEN_WITH_COMMANDS = 2 * MAX_SEEN
local MAX_STORED = 1000
local STORED_MS = 7 * 24 * 3600 * 1000
-- Comments that keep coming put a settling task off again and again, at most this many times the settling time.
local MAX_SETTLING_TIMES = 10
local MAX_EVENTS = 2000

local function key(name) return ARGV[1] .. name end
local function taskKey(id, part) return key('task:' .. id .. (part and (':' .. part) or '')) end

local function nowMs()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- Large numbers would be written as 1e+14.
local function integer(number) return string.format('%.0f', number) end

local function taskExists(id) return redis.call('HEXISTS', taskKey(id), 'record') == 1 end

-- One field of the task's hash; '' when absent.
local function field(id, name) return redis.call('HGET', taskKey(id), name) or '' end

-- Fields of the task's hash in order; '' where absent.
local function fields(id, ...)
  local values = redis.call('HMGET', taskKey(id), ...)
  for index = 1, #values do values[index] = values[index] or '' end
  return values
end

-- Whether the caller still owns the task. Scripts of owners begin with ARGV: prefix, task id, epoch, owner.
local function owns()
  local held = fields(ARGV[2], 'epoch', 'owner')
  return held[1] == ARGV[3] and held[2] == ARGV[4]
end

local function leaseHolds(id, now)
  local held = fields(id, 'owner', 'leaseUntilMs')
  return held[1] ~= '' and tonumber(held[2]) > now
end

-- The operator's pause of everything: {who, since}, or empty. Nothing is lost by it: what is due stays due.
local function currentPause()
  local pause = redis.call('HMGET', key('pause'), 'by', 'sinceMs')
  return pause[1] and pause or {}
end

-- Due times: one sorted set per priority, so that the most urgent come first without sorting.
local function dueAt(id)
  return tonumber(redis.call('ZSCORE', key('due:' .. field(id, 'rank')), id) or nil)
end

local function setDue(id, atMs, reason)
  redis.call('ZADD', key('due:' .. field(id, 'rank')), atMs, id)
  redis.call('HSET', taskKey(id), 'dueReason', reason)
end

local function clearDue(id)
  redis.call('ZREM', key('due:' .. field(id, 'rank')), id)
  redis.call('HDEL', taskKey(id), 'dueReason')
end

-- Makes a task due because of a new inbox item. A running owner hears of it by its heartbeat instead.
local function nudge(id, now, settleMs, reason)
  if leaseHolds(id, now) then return end
  local current = dueAt(id)
  if settleMs > 0 and current and field(id, 'dueReason') == 'settling' then
    local latest = tonumber(field(id, 'settlingSinceMs')) + MAX_SETTLING_TIMES * settleMs
    setDue(id, math.max(current, math.min(now + settleMs, latest)), 'settling')
  elseif not current or current > now + settleMs or (reason == 'settling' and field(id, 'dueReason') == 'reconcile') then
    setDue(id, now + settleMs, reason)
    if reason == 'settling' then redis.call('HSET', taskKey(id), 'settlingSinceMs', now) end
  end
end

-- Remembers the newest content of a plan, and by it finds the task.
local function setPlanHash(id, repository, planHash)
  local hashes = key('plan-hashes')
  local before = repository .. '\n' .. field(id, 'planHash')
  if redis.call('HGET', hashes, before) == id then redis.call('HDEL', hashes, before) end
  redis.call('HSET', hashes, repository .. '\n' .. planHash, id)
  redis.call('HSET', taskKey(id), 'planHash', planHash)
end

-- The inbox: members '<kind> <item id>' in order of arrival, and the items' JSON by id.
local function removeItem(id, kind, itemId)
  redis.call('ZREM', taskKey(id, 'inbox'), kind .. ' ' .. itemId)
  local bytes = redis.call('HINCRBY', taskKey(id), 'inboxBytes', -redis.call('HSTRLEN', taskKey(id, 'inbox-items'), itemId))
  -- Items that version 1 added were not counted.
  if bytes < 0 then redis.call('HSET', taskKey(id), 'inboxBytes', 0) end
  redis.call('HDEL', taskKey(id, 'inbox-items'), itemId)
end

local function inboxEntries(id)
  local entries = {}
  for index, member in ipairs(redis.call('ZRANGE', taskKey(id, 'inbox'), 0, -1)) do
    local kind, itemId = string.match(member, '^(%S+) (.*)$')
    entries[index] = { kind = kind, id = itemId }
  end
  return entries
end

-- Grows with every item and never shrinks, whatever is taken up.
local function inboxSequence(id)
  local sequence = field(id, 'inboxSequence')
  return sequence == '' and '0' or sequence
end

local function countWaiting(id, kind)
  local count = 0
  for _, entry in ipairs(inboxEntries(id)) do
    if entry.kind == kind then count = count + 1 end
  end
  return count
end

-- Only the newest text of a plan counts, so an older one still waiting makes room for it.
local function removeEdits(id)
  for _, entry in ipairs(inboxEntries(id)) do
    if entry.kind == 'plan-edited' then removeItem(id, entry.kind, entry.id) end
  end
end

-- Appends an item: 'added', 'duplicate' or 'full'. An edit is a duplicate when the plan's newest content is the same
-- (editing back and forth is three edits); everything else when its id was here before, taken up or not.
local function addItem(id, kind, itemId, json, planHash)
  local seen = taskKey(id, 'seen')
  if kind == 'plan-edited' then
    if field(id, 'planHash') == planHash then return 'duplicate' end
    removeEdits(id)
  elseif redis.call('SISMEMBER', seen, itemId) == 1 then
    return 'duplicate'
  elseif kind == 'comment-command' then
    if countWaiting(id, kind) >= MAX_WAITING_COMMANDS then return 'full' end
    if redis.call('SCARD', seen) >= MAX_SEEN_WITH_COMMANDS then return 'full' end
  elseif kind == 'feedback' then
    if redis.call('ZCARD', taskKey(id, 'inbox')) >= MAX_WAITING_FEEDBACK then return 'full' end
    if (tonumber(field(id, 'inboxBytes')) or 0) + #json > MAX_WAITING_BYTES then return 'full' end
    if redis.call('SCARD', seen) >= MAX_SEEN then return 'full' end
  end
  if planHash ~= '' then setPlanHash(id, field(id, 'repository'), planHash) end
  redis.call('SADD', seen, itemId)
  redis.call('ZADD', taskKey(id, 'inbox'), redis.call('HINCRBY', taskKey(id), 'inboxSequence', 1), kind .. ' ' .. itemId)
  redis.call('HSET', taskKey(id, 'inbox-items'), itemId, json)
  redis.call('HINCRBY', taskKey(id), 'inboxBytes', #json)
  return 'added'
end

-- Deliveries that no task claims yet, per repository: order of arrival (microseconds), where each belongs ('<pull number> <branch>'),
-- and the item ('<kind> <JSON>').
local function removeStored(repository, itemId)
  redis.call('ZREM', key('stored:' .. repository), itemId)
  redis.call('HDEL', key('stored-targets:' .. repository), itemId)
  redis.call('HDEL', key('stored-items:' .. repository), itemId)
end

local function removeOldStored(repository, now)
  local old = redis.call('ZRANGEBYSCORE', key('stored:' .. repository), '-inf', (now - STORED_MS) * 1000)
  for _, itemId in ipairs(old) do removeStored(repository, itemId) end
end

-- Later than every item before it, also within one microsecond and when the clock was put back.
local function nextStoredScore(order)
  local time = redis.call('TIME')
  local newest = redis.call('ZRANGE', order, -1, -1, 'WITHSCORES')[2]
  return math.max(time[1] * 1000000 + time[2], (tonumber(newest or 0)) + 1)
end

-- Moves what was stored for this branch or pull request number into the task's inbox.
local function claimStored(id, repository, branch, pullNumber, now)
  removeOldStored(repository, now)
  for _, itemId in ipairs(redis.call('ZRANGE', key('stored:' .. repository), 0, -1)) do
    local target = redis.call('HGET', key('stored-targets:' .. repository), itemId)
    local storedNumber, storedBranch = string.match(target, '^(%d*) (.*)$')
    if (branch ~= '' and storedBranch == branch) or (pullNumber ~= '' and storedNumber == pullNumber) then
      local kind, json = string.match(redis.call('HGET', key('stored-items:' .. repository), itemId), '^(%S+) (.*)$')
      if addItem(id, kind, itemId, json, '') ~= 'full' then removeStored(repository, itemId) end
    end
  end
end

local function appendEvent(id, json)
  redis.call('XADD', taskKey(id, 'events'), 'MAXLEN', '~', MAX_EVENTS, '*', 'event', json)
end

-- UTC days since 1970 name what counts per day, because scripts have no calendar.
local function today() return integer(math.floor(nowMs() / 86400000)) end

-- Money, in millionths of a dollar: what a day and a task cost, and what is set aside for calls under way.
local function spendingKey() return key('spending:day-' .. today()) end
local function spentToday() return tonumber(redis.call('GET', spendingKey()) or '0') end

local function addSpent(id, amount)
  redis.call('INCRBY', spendingKey(), amount)
  -- Long enough to look back over a month.
  redis.call('EXPIRE', spendingKey(), 40 * 24 * 3600)
  if taskExists(id) then redis.call('HINCRBY', taskKey(id), 'spentMicroUsd', amount) end
end

-- The sum of all reservations ('<task id> <epoch> <amount> <counted if the owner dies>'). One whose owner is dead ends
-- here: what its call cost will never be told, and was probably paid.
local function reservedNow()
  local now, sum = nowMs(), 0
  local entries = redis.call('HGETALL', key('reservations'))
  for index = 1, #entries, 2 do
    local id, epoch, amount, assumed = string.match(entries[index + 1], '^(%S+) (%d+) (%d+) (%d+)$')
    if field(id, 'epoch') == epoch and leaseHolds(id, now) then
      sum = sum + tonumber(amount)
    else
      redis.call('HDEL', key('reservations'), entries[index])
      addSpent(id, assumed)
    end
  end
  return sum
end
