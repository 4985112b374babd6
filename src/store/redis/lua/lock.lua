-- Writes or takes off a lock if it is still the one that was read. KEYS: the lock, all locks of this shard, log.
-- ARGV: the lock that was read, or nothing; the new one, or nothing; its name among all; how many there may be; what is
-- told.
-- Answers 1, 0 where there is no room, or what is there instead.
local known = redis.call('GET', KEYS[1]) or ''
if known ~= ARGV[1] then return known end
if ARGV[2] == '' then
  redis.call('DEL', KEYS[1])
  redis.call('ZREM', KEYS[2], ARGV[3])
else
  if known == '' and redis.call('ZCARD', KEYS[2]) >= tonumber(ARGV[4]) then return 0 end
  redis.call('SET', KEYS[1], ARGV[2])
  redis.call('ZADD', KEYS[2], 0, ARGV[3])
end
redis.call('XADD', KEYS[3], 'MAXLEN', '~', 1024, '*', 'w', ARGV[5])
redis.pcall('PUBLISH', KEYS[3], '')
return 1
