-- Marks a prefix. KEYS: all marks, each as JSON under its name.
-- ARGV: the name; the mark; how many there are at most.
-- Answers 1, or 0 where there is no room for a further one.
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 and redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[3]) then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
return 1
