-- After a connection was made: a Redis that was started anew may come with older data than it had, without what was made wrong
-- since; so of that nothing counts. Gives the time in ms, and number and first of the news.
-- KEYS: state, news. ARGV: a name for Redis where it does not tell its own.
local info = redis.pcall('INFO', 'server')
local run = type(info) == 'string' and string.match(info, 'run_id:(%x+)') or ARGV[1]
local time = redis.call('TIME')
if redis.call('HGET', KEYS[1], 'run') ~= run then
  local tick = math.max(time[1] * 1000000 + time[2], tonumber(redis.call('HGET', KEYS[1], 'tick') or 0) + 1)
  local text = string.format('%.0f', tick)
  redis.call('HSET', KEYS[1], 'run', run, 'tick', text, 'all', text)
end
local first = redis.call('XRANGE', KEYS[2], '-', '+', 'COUNT', 1)
return { time[1] * 1000 + math.floor(time[2] / 1000), redis.call('XLEN', KEYS[2]), first[1] and first[1][1] or '' }
