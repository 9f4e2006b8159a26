-- Notes that a system outside wants to be left alone. ARGV: prefix, name, for how many ms, reason, most names.
-- A shorter wait never ends a longer one. The hash goes with its last wait.
local waits, name, now = key('waits'), ARGV[2], nowMs()
local untilMs = now + tonumber(ARGV[3])
local entries, count, soonest, soonestMs = redis.call('HGETALL', waits), 0, nil, nil
for index = 1, #entries, 2 do
  local heldUntilMs = tonumber(string.match(entries[index + 1], '^%d+'))
  if heldUntilMs <= now then
    redis.call('HDEL', waits, entries[index])
  else
    if entries[index] == name and heldUntilMs >= untilMs then return end
    if entries[index] ~= name then count = count + 1 end
    if not soonestMs or heldUntilMs < soonestMs then soonest, soonestMs = entries[index], heldUntilMs end
  end
end
-- Who finds no room is told by the other side again; the one that ends first is missed least.
if count >= tonumber(ARGV[5]) then redis.call('HDEL', waits, soonest) end
redis.call('HSET', waits, name, integer(untilMs) .. ' ' .. ARGV[4])
if redis.call('PEXPIRETIME', waits) < untilMs then redis.call('PEXPIREAT', waits, integer(untilMs)) end
