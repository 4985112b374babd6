-- Writes an operator's record if its version is still the one that was seen. KEYS: all operators, each its version, a
-- space and the bytes under the name.
-- ARGV: the name; the version that was seen, 0 for none; the new one; the bytes; how many operators there are at most.
-- Answers 1, 0 where the version is another one, or -1 where there is no room.
local known = redis.call('HGET', KEYS[1], ARGV[1])
local version = known and string.match(known, '^%d+') or '0'
if version ~= ARGV[2] then return 0 end
if not known and redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[5]) then return -1 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3] .. ' ' .. ARGV[4])
return 1
