-- Writes a value if it is still the one that was read. KEYS: the value; where others are to be told, the log of changes.
-- ARGV: the value that was read, or nothing where there was none; the new one, or nothing to delete it; how long it is
-- kept in milliseconds, 0 for ever, -1 as long as before; what is told.
-- Answers 1, or what is there instead.
local known = redis.call('GET', KEYS[1]) or ''
if known ~= ARGV[1] then return known end
if ARGV[2] == '' then
  redis.call('DEL', KEYS[1])
elseif ARGV[3] == '0' then
  redis.call('SET', KEYS[1], ARGV[2])
elseif ARGV[3] == '-1' then
  redis.call('SET', KEYS[1], ARGV[2], 'KEEPTTL')
else
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
end
if KEYS[2] then
  redis.call('XADD', KEYS[2], 'MAXLEN', '~', 1024, '*', 'w', ARGV[4])
  redis.pcall('PUBLISH', KEYS[2], '')
end
return 1
