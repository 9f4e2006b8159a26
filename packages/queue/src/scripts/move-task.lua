-- Moves a task to another path and tells its owner. ARGV: prefix, id, path, item id, item.
-- Returns 'unknown', 'same', 'taken' (with by whom) or 'moved'.
local id, planPath, itemId, item = unpack(ARGV, 2, 5)
if not taskExists(id) then return { 'unknown' } end
local known = fields(id, 'repository', 'planPath', 'record')
if known[2] == planPath then return { 'same' } end

local from, to = known[1] .. '\n' .. known[2], known[1] .. '\n' .. planPath
local other = redis.call('HGET', key('paths'), to)
if other and other ~= id and field(other, 'ended') ~= '1' then return { 'taken', other } end

if redis.call('HGET', key('paths'), from) == id then redis.call('HDEL', key('paths'), from) end
redis.call('HSET', key('paths'), to, id)
redis.call('HSET', taskKey(id), 'planPath', planPath)
-- The next task at the new path comes after this one.
local generation = cjson.decode(known[3]).generation
if generation > tonumber(redis.call('HGET', key('generations'), to) or 0) then
  redis.call('HSET', key('generations'), to, generation)
end
addItem(id, 'plan-moved', itemId, item, '')
nudge(id, nowMs(), 0, 'plan-moved')
return { 'moved' }
