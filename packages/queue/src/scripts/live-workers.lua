-- ARGV: prefix. Returns {record, milliseconds since} for all workers whose last report is kept.
local records = {}
local workers, now = redis.call('ZRANGE', key('workers'), 0, -1, 'WITHSCORES'), nowMs()
for index = 1, #workers, 2 do
  local id, heardAtMs = workers[index], tonumber(workers[index + 1])
  local record = redis.call('GET', key('worker:' .. id))
  if record then
    records[#records + 1] = { record, integer(math.max(0, now - heardAtMs)) }
  else
    redis.call('ZREM', key('workers'), id)
  end
end
return records
