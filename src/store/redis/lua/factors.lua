-- Writes factors if their version is still the one that was seen. KEYS: the factors.
-- ARGV: the version that was seen, 0 for none; the new one; the bytes.
if (redis.call('HGET', KEYS[1], 'version') or '0') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'version', ARGV[2], 'sealed', ARGV[3])
return 1
