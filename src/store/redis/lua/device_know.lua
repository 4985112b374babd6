-- Notes a device, or takes in what another store knows of it. KEYS: devices of the account.
-- ARGV: device, since, last used, forgotten after, most devices, kept for, 1 to take in.
-- Answers since when it is known, and whether that changed anything.
local known = redis.call('HGET', KEYS[1], ARGV[1])
local since, last = ARGV[2], ARGV[3]
if known then
  local known_since, known_last = string.match(known, '^(%d+) (%d+)$')
  if ARGV[7] == '1' then
    if tonumber(known_since) < tonumber(since) then since = known_since end
    if tonumber(known_last) > tonumber(last) then last = known_last end
  elseif tonumber(last) - tonumber(known_last) < tonumber(ARGV[4]) then
    since = known_since
  end
elseif redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[5]) then
  local oldest, oldest_last
  local all = redis.call('HGETALL', KEYS[1])
  for i = 1, #all, 2 do
    local used = tonumber(string.match(all[i + 1], ' (%d+)$'))
    if not oldest_last or used < oldest_last then oldest, oldest_last = all[i], used end
  end
  redis.call('HDEL', KEYS[1], oldest)
end
local new = since .. ' ' .. last
if new == known then return {since, 0} end
redis.call('HSET', KEYS[1], ARGV[1], new)
redis.call('PEXPIRE', KEYS[1], ARGV[6])
return {since, 1}
