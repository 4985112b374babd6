-- Keeps events and counts those that were not kept yet. All are of the same five minutes, and so of the same hour.
-- KEYS: all events by time; what was counted in these five minutes; in this hour; messages by sender in this hour;
-- recipients by sender; then the index of each account that has one of these events.
-- ARGV: how many are kept at most; before which time nothing is kept; how many are kept of an account; how long what is
-- counted in five minutes, in an hour, and the indexes are kept, in milliseconds; then for each event: its time; its
-- number; its line; which of the accounts, 0 for none; the sender, or nothing; the recipients; under how many names it is
-- counted; each name, and for how much.
-- Answers how many were new.
local at, new = 7, 0
while at <= #ARGV do
  local time, number, account, sender = ARGV[at], ARGV[at + 1], tonumber(ARGV[at + 3]), ARGV[at + 4]
  local names = tonumber(ARGV[at + 6])
  if redis.call('ZADD', KEYS[1], time, number .. ' ' .. ARGV[at + 2]) == 1 then
    new = new + 1
    for i = at + 7, at + 5 + 2 * names, 2 do
      redis.call('HINCRBY', KEYS[2], ARGV[i], ARGV[i + 1])
      redis.call('HINCRBY', KEYS[3], ARGV[i], ARGV[i + 1])
    end
    if account > 0 then redis.call('ZADD', KEYS[5 + account], time, number) end
    if sender ~= '' then
      redis.call('HINCRBY', KEYS[4], sender, 1)
      redis.call('ZINCRBY', KEYS[5], ARGV[at + 5], sender)
    end
  end
  at = at + 7 + 2 * names
end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', '(' .. ARGV[2])
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -1 - tonumber(ARGV[1]))
redis.call('PEXPIRE', KEYS[2], ARGV[4])
for i = 3, 5 do redis.call('PEXPIRE', KEYS[i], ARGV[5]) end
for i = 6, #KEYS do
  redis.call('ZREMRANGEBYRANK', KEYS[i], 0, -1 - tonumber(ARGV[3]))
  redis.call('PEXPIRE', KEYS[i], ARGV[6])
end
return new
