-- Forgets a session whose cookie another account has taken over. KEYS: session, sessions of the account, live sessions
-- of the site. ARGV: hash, account.
local raw = redis.call('GET', KEYS[1])
if not raw then return 0 end
local signed_in = string.match(raw, '^%a|(%d+)|')
redis.call('DEL', KEYS[1])
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('ZREM', KEYS[3], signed_in .. ':' .. ARGV[1] .. ':' .. ARGV[2])
return 1
