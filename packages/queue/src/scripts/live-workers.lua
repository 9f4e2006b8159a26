-- ARGV: prefix. Returns the records of all workers that reported lately.
local records = {}
for _, id in ipairs(redis.call('ZRANGE', key('workers'), 0, -1)) do
  local record = redis.call('GET', key('worker:' .. id))
  if record then
    records[#records + 1] = record
  else
    redis.call('ZREM', key('workers'), id)
  end
end
return records
