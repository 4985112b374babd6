-- Takes charges out again. KEYS: counters. ARGV: for each the number of the charge.
-- Answers what every counter holds afterwards.
local raws = {}
for i, key in ipairs(KEYS) do
  local raw = redis.call('GET', key)
  raws[i] = raw
  if raw then
    for at = 7, #raw, 25 do
      if string.sub(raw, at + 12, at + 19) == ARGV[i] then
        raw = string.sub(raw, 1, at - 1) .. string.sub(raw, at + 25)
        if #raw > 6 then
          redis.call('SET', key, raw, 'KEEPTTL')
        else
          redis.call('DEL', key)
        end
        raws[i] = raw
        break
      end
    end
  end
end
return raws
