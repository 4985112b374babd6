-- Changes the state of an account's sessions. KEYS: sessions of the account, log.
-- ARGV: beginning of the keys of the account's sessions, state, the hash that stays as it is, what was last seen at this
-- time or before has expired.
-- Answers those that were changed and have not expired.
local changed, is_told = {}, false
for _, hash in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  local key = ARGV[1] .. hash
  local raw = redis.call('GET', key)
  if raw and hash ~= ARGV[3] then
    local state, last_seen = string.match(raw, '^(%a)|%d+|(%d+)|')
    if state ~= 'e' and state ~= ARGV[2] then
      redis.call('SET', key, ARGV[2] .. string.sub(raw, 2), 'KEEPTTL')
      redis.call('XADD', KEYS[2], 'MAXLEN', '~', 1024, '*', 'w', 's' .. hash)
      is_told = true
      if tonumber(last_seen) > tonumber(ARGV[4]) then changed[#changed + 1] = hash end
    end
  end
end
if is_told then redis.pcall('PUBLISH', KEYS[2], '') end
return changed
