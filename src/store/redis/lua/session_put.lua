-- Writes a session. KEYS: session, sessions of the account, live sessions of the site, lock of the account, log.
-- ARGV: state, signed in, last seen, the rest as JSON, hash, account, kept for, what was last seen before this has
-- expired, most sessions of an account, beginning of the keys of the account's sessions.
-- Answers the state it was written with, or nothing where there is no room.
local function member(signed_in, hash) return signed_in .. ':' .. hash .. ':' .. ARGV[6] end
local function head(raw) return string.match(raw, '^(%a)|(%d+)|(%d+)|') end

local state = ARGV[1]
local known = redis.call('GET', KEYS[1])
if known then
  local known_state, signed_in = head(known)
  -- An ended session stays ended, unless a later sign-in takes it over.
  if known_state == 'e' and tonumber(ARGV[2]) <= tonumber(signed_in) then return known_state end
  redis.call('ZREM', KEYS[3], member(signed_in, ARGV[5]))
end
if redis.call('EXISTS', KEYS[4]) == 1 then state = 'e' end
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', '(' .. ARGV[8])
redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', '(' .. ARGV[8])
if not known and redis.call('ZCARD', KEYS[2]) >= tonumber(ARGV[9]) then
  -- The open one that was unused for longest goes: what is restricted or ended never makes room.
  local found = false
  for _, hash in ipairs(redis.call('ZRANGE', KEYS[2], 0, -1)) do
    local raw = redis.call('GET', ARGV[10] .. hash)
    local other_state, signed_in
    if raw then other_state, signed_in = head(raw) end
    if not raw or other_state == 'o' then
      redis.call('DEL', ARGV[10] .. hash)
      redis.call('ZREM', KEYS[2], hash)
      if raw then redis.call('ZREM', KEYS[3], member(signed_in, hash)) end
      redis.call('XADD', KEYS[5], 'MAXLEN', '~', 1024, '*', 'w', 's' .. hash)
      found = true
      break
    end
  end
  if not found then return '' end
end
redis.call('SET', KEYS[1], state .. '|' .. ARGV[2] .. '|' .. ARGV[3] .. '|' .. ARGV[4], 'PX', ARGV[7])
redis.call('ZADD', KEYS[2], ARGV[3], ARGV[5])
redis.call('PEXPIRE', KEYS[2], ARGV[7])
redis.call('ZADD', KEYS[3], ARGV[3], member(ARGV[2], ARGV[5]))
redis.call('PEXPIRE', KEYS[3], ARGV[7])
redis.call('XADD', KEYS[5], 'MAXLEN', '~', 1024, '*', 'w', 's' .. ARGV[5])
redis.pcall('PUBLISH', KEYS[5], '')
return state
