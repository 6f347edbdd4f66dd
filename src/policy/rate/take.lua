-- Takes a share of every limit, or of none. The arithmetic of a rate is that of GCRA, with the time that is still to come back
-- ("behind", in nanoseconds) instead of the time at which it has: numbers of Lua are exact up to 2^53, and the time is not needed
-- finer than Redis tells it.
-- KEYS: one for each limit. ARGV, for each: `rate` or `quota`, how much is taken, the most there is (of a rate in nanoseconds), and how
-- many milliseconds a quota is kept.
-- Gives 0 and how much each has taken now; or the number of the first that is used up, and how much that has taken.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local levels = {}
for at, key in ipairs(KEYS) do
  local kind, number, most = ARGV[at * 4 - 3], tonumber(ARGV[at * 4 - 2]), tonumber(ARGV[at * 4 - 1])
  local found, level = redis.call('GET', key), 0
  if found and kind == 'rate' then
    local behind, since = string.match(found, '^(%d+) (%d+)$')
    -- A clock that went back gives nothing back.
    if behind then level = math.max(0, behind - math.max(0, now - since) * 1000) end
  elseif found then
    level = tonumber(found) or 0
  end
  if level + number > most then return { at, string.format('%.0f', level) } end
  levels[at] = level + number
end
local told = { 0 }
for at, key in ipairs(KEYS) do
  local level = string.format('%.0f', levels[at])
  if ARGV[at * 4 - 3] == 'rate' then
    -- Whoever has all back is as good as new.
    redis.call('SET', key, level .. ' ' .. string.format('%.0f', now), 'PX', math.ceil(levels[at] / 1000000) + 1)
  else
    redis.call('SET', key, level, 'PX', ARGV[at * 4])
  end
  told[at + 1] = level
end
return told
