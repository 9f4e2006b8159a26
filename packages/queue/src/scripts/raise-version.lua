local WATCHED_MS = 7 * 24 * 3600 * 1000

-- Marks the ledger with this version unless it has this or a newer one. Returns the version it had; '' for a new ledger.
local before = redis.call('GET', key('schema')) or ''
if (tonumber(before) or 0) < LEDGER_VERSION then redis.call('SET', key('schema'), LEDGER_VERSION) end

-- Version 1 left these without a due time; since then their pull requests are looked at by themselves. Who takes one
-- sees whether that is still of use.
if before == '1' then
  local now = nowMs()
  for _, id in ipairs(redis.call('ZRANGE', key('tasks'), 0, -1)) do
    local known, task = field(id, 'record'), nil
    if known ~= '' then task = cjson.decode(known) end
    if task and task.pullRequest and (task.status == 'held' or task.status == 'closed') then
      local isOld = task.status == 'closed' and now - (task.endedAtMs or 0) > WATCHED_MS
      if not isOld and not dueAt(id) then setDue(id, now, 'upgraded') end
    end
  end
end
return before
