-- Notes that a session was used. KEYS: session, sessions of the account, live sessions of the site.
-- ARGV: now, how finely that is kept, hash, account, kept for.
local raw = redis.call('GET', KEYS[1])
if not raw then return 0 end
local state, signed_in, last_seen, rest = string.match(raw, '^(%a)|(%d+)|(%d+)(|.*)$')
if math.abs(tonumber(ARGV[1]) - tonumber(last_seen)) < tonumber(ARGV[2]) then return 0 end
redis.call('SET', KEYS[1], state .. '|' .. signed_in .. '|' .. ARGV[1] .. rest, 'PX', ARGV[5])
redis.call('ZADD', KEYS[2], ARGV[1], ARGV[3])
redis.call('PEXPIRE', KEYS[2], ARGV[5])
redis.call('ZADD', KEYS[3], ARGV[1], signed_in .. ':' .. ARGV[3] .. ':' .. ARGV[4])
redis.call('PEXPIRE', KEYS[3], ARGV[5])
return 1
