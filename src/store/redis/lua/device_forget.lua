-- Forgets one device of an account, or all. KEYS: devices of the account. ARGV: device, or nothing.
-- Answers how many it knew.
if ARGV[1] ~= '' then return redis.call('HDEL', KEYS[1], ARGV[1]) end
local known = redis.call('HLEN', KEYS[1])
redis.call('DEL', KEYS[1])
return known
