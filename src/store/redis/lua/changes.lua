-- What was changed since. KEYS: logs. ARGV: for each the last place that was seen, or 0-0.
-- Answers for each: the last place now, whether something may have been missed (1), and what was changed.
local answers = {}
for i, key in ipairs(KEYS) do
  local found = redis.call('XRANGE', key, ARGV[i], '+', 'COUNT', 1100)
  if ARGV[i] ~= '0-0' and found[1] and found[1][1] == ARGV[i] then
    local changed = {}
    for j = 2, #found do changed[#changed + 1] = found[j][2][2] end
    answers[i] = {found[#found][1], 0, changed}
  else
    -- The place is gone: the log was cut, lost, or begins anew.
    local last = redis.call('XREVRANGE', key, '+', '-', 'COUNT', 1)
    local place = last[1] and last[1][1] or redis.call('XADD', key, '*', 'w', '')
    answers[i] = {place, 1, {}}
  end
end
return answers
