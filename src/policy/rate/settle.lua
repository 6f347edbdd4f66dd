-- Gives back what was not spent, or takes what was spent beyond.
-- KEYS: one for each limit. ARGV, for each: `rate` or `quota`, the difference, and how much can be taken at most then.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
for at, key in ipairs(KEYS) do
  local kind, more, most = ARGV[at * 3 - 2], tonumber(ARGV[at * 3 - 1]), tonumber(ARGV[at * 3])
  local found = redis.call('GET', key)
  if found and kind == 'rate' then
    local behind, since = string.match(found, '^(%d+) (%d+)$')
    if behind then
      local level = math.max(0, behind - math.max(0, now - since) * 1000)
      level = math.max(0, math.min(level + more, math.max(level, most)))
      local text = string.format('%.0f %.0f', level, now)
      redis.call('SET', key, text, 'PX', math.ceil(level / 1000000) + 1)
    end
  elseif found then
    local level = math.max(0, math.min((tonumber(found) or 0) + more, most))
    redis.call('SET', key, string.format('%.0f', level), 'PX', math.max(1, redis.call('PTTL', key)))
  elseif kind == 'rate' and more > 0 then
    local level = math.min(more, most)
    redis.call('SET', key, string.format('%.0f %.0f', level, now), 'PX', math.ceil(level / 1000000) + 1)
  end
end
return 1
