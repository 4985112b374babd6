-- Begins a campaign, unless another was faster. KEYS: itself, then the traces of what it has in common. ARGV: its code,
-- itself, how long both are kept in milliseconds, then the codes that stood under the traces and are of another.
-- Answers nothing, or the code of the one that was faster.
local others = {}
for place = 4, #ARGV do others[ARGV[place]] = true end
for place = 2, #KEYS do
  local code = redis.call('GET', KEYS[place])
  if code and not others[code] then return code end
end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
for place = 2, #KEYS do redis.call('SET', KEYS[place], ARGV[1], 'PX', ARGV[3]) end
return ''
