-- The tick, and a reply if nothing that it is found by was made wrong since it was asked for.
-- KEYS: reply, state. ARGV: how keys of markers begin.
local state = redis.call('HMGET', KEYS[2], 'tick', 'all')
if not state[1] then
  -- Redis has forgotten the tick, so it may have forgotten what was made wrong: what is there counts no more.
  local time = redis.call('TIME')
  state = { string.format('%.0f', time[1] * 1000000 + time[2]), false }
  state[2] = state[1]
  redis.call('HSET', KEYS[2], 'tick', state[1], 'all', state[2])
end
local found = redis.call('HMGET', KEYS[1], 'asked', 'markers')
if not found[1] then return { state[1] } end
local asked, is_right = tonumber(found[1]), true
if tonumber(state[2]) > asked then is_right = false end
local keys = {}
for marker in string.gmatch(found[2], '%x+') do keys[#keys + 1] = ARGV[1] .. marker end
for _, since in ipairs(redis.call('MGET', unpack(keys))) do
  -- A marker that is gone may have said anything.
  if not since or tonumber(since) > asked then is_right = false end
end
if not is_right then
  redis.call('DEL', KEYS[1])
  return { state[1] }
end
local reply = redis.call('HMGET', KEYS[1], 'reply', 'life')
return { state[1], reply[1], tonumber(reply[2]) - redis.call('PTTL', KEYS[1]) }
