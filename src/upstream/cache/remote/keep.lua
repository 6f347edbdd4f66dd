-- Keeps a reply, unless something that it is found by was made wrong since it was asked for. 1: it is kept.
-- KEYS: reply, state. ARGV: how keys of markers begin, tick when it was asked for, lifetime in ms, markers, reply.
local state = redis.call('HMGET', KEYS[2], 'tick', 'all')
local asked, life = tonumber(ARGV[2]), tonumber(ARGV[3])
if not state[1] or tonumber(state[1]) < asked or tonumber(state[2]) > asked then return 0 end
local keys = {}
for marker in string.gmatch(ARGV[4], '%x+') do keys[#keys + 1] = ARGV[1] .. marker end
local known = redis.call('MGET', unpack(keys))
for _, since in ipairs(known) do
  if since and tonumber(since) > asked then return 0 end
end
for at, key in ipairs(keys) do
  if not known[at] then
    redis.call('SET', key, 0, 'PX', life)
  elseif redis.call('PTTL', key) < life then
    redis.call('PEXPIRE', key, life)
  end
end
redis.call('HSET', KEYS[1], 'asked', ARGV[2], 'markers', ARGV[4], 'life', life, 'reply', ARGV[5])
redis.call('PEXPIRE', KEYS[1], life)
return 1
