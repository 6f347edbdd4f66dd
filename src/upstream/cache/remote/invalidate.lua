-- Notes what is wrong from now on, and tells the other gateways.
-- KEYS: state, news. ARGV: how keys of markers begin, lifetime in ms, most news, who says so, and markers or `*` for everything.
if redis.call('HEXISTS', KEYS[1], 'tick') == 0 then
  local time = redis.call('TIME')
  local now = string.format('%.0f', time[1] * 1000000 + time[2])
  redis.call('HSET', KEYS[1], 'tick', now, 'all', now)
end
local tick = string.format('%.0f', redis.call('HINCRBY', KEYS[1], 'tick', 1))
for at = 5, #ARGV do
  if ARGV[at] == '*' then
    redis.call('HSET', KEYS[1], 'all', tick)
  else
    redis.call('SET', ARGV[1] .. ARGV[at], tick, 'PX', ARGV[2])
  end
end
redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[3], '*', 'by', ARGV[4], 'markers', table.concat(ARGV, ' ', 5))
redis.call('PEXPIRE', KEYS[2], ARGV[2])
return 1
