-- Takes what is kept, unless it has expired. KEYS: itself, all of its kind by when they expire, how many bytes they are.
-- ARGV: id, now, what its place counts for.
local known = redis.call('GET', KEYS[1])
if not known or struct.unpack('>I6', known) < tonumber(ARGV[2]) then return false end
redis.call('DEL', KEYS[1])
redis.call('ZREM', KEYS[2], ARGV[1] .. ':' .. #known)
redis.call('DECRBY', KEYS[3], string.format('%.0f', #known + ARGV[3]))
return known
