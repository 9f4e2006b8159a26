-- What creating a task at a path has to know. ARGV: prefix, path entry.
-- Returns {nowMs, last generation, newest task's id, ended ('1'), newest hash, record, updatedAtMs}.
local id = redis.call('HGET', key('paths'), ARGV[2]) or ''
local state = { nowMs(), redis.call('HGET', key('generations'), ARGV[2]) or '0', id, '', '', '', '' }
if id ~= '' then
  local known = fields(id, 'ended', 'planHash', 'record', 'updatedAtMs')
  for index = 1, 4 do state[3 + index] = known[index] end
end
return state
