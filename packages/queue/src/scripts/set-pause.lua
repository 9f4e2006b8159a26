-- ARGV: prefix, who, or '' to go on. The first one who paused stays named. Returns {who, since} of the pause that holds now, or
-- of the one that ended; nothing when there was none to end.
local who, pause = ARGV[2], currentPause()
if who == '' then
  redis.call('DEL', key('pause'))
elseif #pause == 0 then
  pause = { who, integer(nowMs()) }
  redis.call('HSET', key('pause'), 'by', pause[1], 'sinceMs', pause[2])
end
return pause
