-- What was made wrong after a place in the news: place, who said so, markers, one after the other.
-- KEYS: news. ARGV: place, most at once.
local flat = {}
for _, entry in ipairs(redis.call('XRANGE', KEYS[1], '(' .. ARGV[1], '+', 'COUNT', ARGV[2])) do
  flat[#flat + 1] = entry[1]
  flat[#flat + 1] = entry[2][2]
  flat[#flat + 1] = entry[2][4]
end
return flat
