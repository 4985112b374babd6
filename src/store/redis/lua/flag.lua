-- Writes or deletes a flag, and its places in the indexes, if it is still the one that was read.
-- KEYS: the flag, all flags by time, then the indexes that it leaves, then those that it comes to.
-- ARGV: the flag that was read, or nothing; the new one, or nothing; how many it leaves; its name there; its name from
-- now on; its time.
-- Answers how many flags there are, or what is there instead.
local known = redis.call('GET', KEYS[1]) or ''
if known ~= ARGV[1] then return known end
local leaves = tonumber(ARGV[3])
for i = 3, 2 + leaves do redis.call('ZREM', KEYS[i], ARGV[4]) end
if known ~= '' then redis.call('ZREM', KEYS[2], ARGV[4]) end
if ARGV[2] == '' then
  redis.call('DEL', KEYS[1])
else
  redis.call('SET', KEYS[1], ARGV[2])
  redis.call('ZADD', KEYS[2], ARGV[6], ARGV[5])
  for i = 3 + leaves, #KEYS do redis.call('ZADD', KEYS[i], ARGV[6], ARGV[5]) end
end
return redis.call('ZCARD', KEYS[2])
