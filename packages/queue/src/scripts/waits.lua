-- The waits that hold now. Returns name, ms left and reason of each.
local waits, now = {}, nowMs()
local entries = redis.call('HGETALL', key('waits'))
for index = 1, #entries, 2 do
  local untilMs, reason = string.match(entries[index + 1], '^(%d+) (.*)$')
  if tonumber(untilMs) > now then
    waits[#waits + 1] = entries[index]
    waits[#waits + 1] = integer(tonumber(untilMs) - now)
    waits[#waits + 1] = reason
  end
end
return waits
