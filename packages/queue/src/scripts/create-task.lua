-- Creates a task, unless what was read before (path-state) has changed since: then 'changed', read again.
-- Returns {'created'}, {'changed'}, {'branch-taken', by whom} or {'id-taken'}.
local id, repository, planPath, pathEntry, expectedGeneration, expectedNewest = unpack(ARGV, 2, 7)
local record, planText, planHash, branch, rank, acceptedAtMs, rests, event = unpack(ARGV, 8, 15)

local newest = redis.call('HGET', key('paths'), pathEntry) or ''
local lastGeneration = redis.call('HGET', key('generations'), pathEntry) or '0'
if newest ~= expectedNewest or lastGeneration ~= expectedGeneration then return { 'changed' } end
if newest ~= '' and field(newest, 'ended') ~= '1' then return { 'changed' } end

local branchOwner = redis.call('HGET', key('branches'), repository .. '\n' .. branch)
-- A plan's own branch stays its own over its generations.
if branchOwner and branchOwner ~= newest then return { 'branch-taken', branchOwner } end
if taskExists(id) then return { 'id-taken' } end

redis.call('SETNX', key('schema'), LEDGER_VERSION)
redis.call('HSET', taskKey(id), 'record', record, 'updatedAtMs', acceptedAtMs, 'planText', planText,
  'repository', repository, 'planPath', planPath, 'branch', branch, 'rank', rank)
redis.call('HSET', key('paths'), pathEntry, id)
redis.call('HINCRBY', key('generations'), pathEntry, 1)
redis.call('HSET', key('branches'), repository .. '\n' .. branch, id)
redis.call('ZADD', key('tasks'), acceptedAtMs, id)
setPlanHash(id, repository, planHash)
claimStored(id, repository, branch, '', nowMs())
appendEvent(id, event)
if rests ~= '1' then setDue(id, acceptedAtMs, 'accepted') end
return { 'created' }
