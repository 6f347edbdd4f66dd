-- Drops one reply. KEYS: reply.
return redis.call('DEL', KEYS[1])
