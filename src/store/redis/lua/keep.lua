-- Keeps something until it is taken. KEYS: itself, all of its kind by when they expire, how many bytes they are.
-- ARGV: id, until, now, itself, kept for, what its place counts for, how many bytes all may be, 1 to leave what is there.
-- Answers 1, or 0 where there is no room or something is there.
local function forget(id, bytes)
  redis.call('ZREM', KEYS[2], id .. ':' .. bytes)
  redis.call('DECRBY', KEYS[3], string.format('%.0f', bytes + ARGV[6]))
end
local known = redis.call('STRLEN', KEYS[1])
if known > 0 then
  if ARGV[8] == '1' then return 0 end
  redis.call('DEL', KEYS[1])
  forget(ARGV[1], known)
end
local needed = #ARGV[4] + tonumber(ARGV[6])
local function has_room() return tonumber(redis.call('GET', KEYS[3]) or 0) + needed <= tonumber(ARGV[7]) end
-- What has expired goes a little at a time, and all of it where there is no room.
local expired = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', '(' .. ARGV[3], 'LIMIT', 0, 64)
while #expired > 0 do
  for _, member in ipairs(expired) do
    local id, bytes = string.match(member, '^(%x+):(%d+)$')
    redis.call('DEL', string.sub(KEYS[1], 1, #KEYS[1] - #ARGV[1]) .. id)
    forget(id, tonumber(bytes))
  end
  if has_room() then break end
  expired = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', '(' .. ARGV[3], 'LIMIT', 0, 64)
end
if not has_room() then return 0 end
redis.call('SET', KEYS[1], ARGV[4], 'PX', ARGV[5])
redis.call('ZADD', KEYS[2], ARGV[2], ARGV[1] .. ':' .. #ARGV[4])
redis.call('INCRBY', KEYS[3], string.format('%.0f', needed))
return 1
