-- Takes every charge, or none.
-- KEYS: counters. ARGV: now; then for each counter: number, keep, units or -1, fingerprint + 1 or 0, how many limits,
-- and for each of those amount and window. Times are milliseconds.
-- Answers 1, or what every counter holds.
-- The same arithmetic as policy/window.rs, which judges what is answered.
local ENTRIES_MAX, SLOTS, UNSETTLED, WINDOW_MAX = 1024, 128, 120000, 2678400000
local SLACK, SETTLED = 60000, '\0\0\0\0\0\0\0\0'
local now = tonumber(ARGV[1])

local function read(raw)
  local counter = {keep = 0, n = 0, t = {}, u = {}, id = {}, f = {}}
  if raw then
    counter.keep = struct.unpack('>I6', raw)
    local at, n = 7, 0
    while at <= #raw do
      n = n + 1
      counter.t[n], counter.u[n], counter.id[n], counter.f[n], at = struct.unpack('>I6I6c8I5', raw, at)
    end
    counter.n = n
  end
  return counter
end

local function write(key, counter)
  if counter.n == 0 then
    redis.call('DEL', key)
    return
  end
  local parts = {struct.pack('>I6', counter.keep)}
  for i = 1, counter.n do
    parts[i + 1] = struct.pack('>I6I6c8I5', counter.t[i], counter.u[i], counter.id[i], counter.f[i])
  end
  local left = math.max(counter.t[counter.n] - now, 0) + counter.keep + SLACK
  redis.call('SET', key, table.concat(parts), 'PX', string.format('%.0f', left))
end

-- What counts in the last `window`, and whether the fingerprint is among it.
local function used(counter, window, fingerprint)
  local sum, seen, known = 0, {}, false
  for i = counter.n, 1, -1 do
    if counter.t[i] + window <= now then break end
    local f = counter.f[i]
    if f == 0 then
      sum = sum + counter.u[i]
    elseif not seen[f] then
      seen[f] = true
      sum = sum + 1
      known = known or f == fingerprint
    end
  end
  return sum, known
end

local function fits(counter, charge)
  for _, limit in ipairs(charge.limits) do
    local sum, known = used(counter, limit.window, charge.fingerprint)
    local asked = charge.units
    if charge.fingerprint > 0 then asked = known and 0 or 1 end
    if asked > 0 and sum + asked > limit.amount then return false end
  end
  return true
end

-- Neighbours that `together` says belong together become one, under the later one's time.
local function fold(counter, together)
  local n, t, u, id, f = 0, {}, {}, {}, {}
  for i = 1, counter.n do
    if n > 0 and together(t[n], counter.t[i]) then
      local one = f[n] > 0 and f[n] == counter.f[i]
      t[n] = counter.t[i]
      u[n] = one and 1 or u[n] + counter.u[i]
      id[n] = SETTLED
      f[n] = one and f[n] or 0
    else
      n = n + 1
      t[n], u[n], id[n], f[n] = counter.t[i], counter.u[i], counter.id[i], counter.f[i]
    end
  end
  counter.n, counter.t, counter.u, counter.id, counter.f = n, t, u, id, f
end

local function put_together(counter, windows)
  for _, spared in ipairs({UNSETTLED, 0}) do
    local function slot(time)
      local age = math.max(now - time, 0)
      if age < spared then return nil end
      local window = WINDOW_MAX
      for _, other in ipairs(windows) do
        if age < other then window = other break end
      end
      return window, math.floor(time / math.max(math.floor(window / SLOTS), 1))
    end
    fold(counter, function(older, newer)
      local window, place = slot(older)
      local other_window, other_place = slot(newer)
      return window ~= nil and window == other_window and place == other_place
    end)
    if counter.n <= ENTRIES_MAX / 2 then return end
  end
  while counter.n > ENTRIES_MAX do
    local odd = false
    fold(counter, function()
      odd = not odd
      return odd
    end)
  end
end

local function take(counter, charge)
  local windows = {}
  counter.keep = math.max(counter.keep, charge.keep)
  for _, limit in ipairs(charge.limits) do
    windows[#windows + 1] = limit.window
    counter.keep = math.max(counter.keep, limit.window)
  end
  windows[#windows + 1] = counter.keep
  table.sort(windows)
  local first = 1
  while first <= counter.n and counter.t[first] + counter.keep <= now do first = first + 1 end
  -- Of one fingerprint the entries before the latest that is too old to be given back are forgotten, and that is settled.
  local latest = 0
  if charge.fingerprint > 0 then
    for i = counter.n, first, -1 do
      if counter.f[i] == charge.fingerprint and counter.t[i] + UNSETTLED <= now then
        latest = i
        counter.id[i] = SETTLED
        break
      end
    end
  end
  local n, t, u, id, f = 0, {}, {}, {}, {}
  local function push(time, units, number, fingerprint)
    n = n + 1
    t[n], u[n], id[n], f[n] = time, units, number, fingerprint
  end
  local placed = false
  for i = first, counter.n do
    if not placed and counter.t[i] > now then
      push(now, charge.units, charge.number, charge.fingerprint)
      placed = true
    end
    if i >= latest or counter.f[i] ~= charge.fingerprint then
      push(counter.t[i], counter.u[i], counter.id[i], counter.f[i])
    end
  end
  if not placed then push(now, charge.units, charge.number, charge.fingerprint) end
  counter.n, counter.t, counter.u, counter.id, counter.f = n, t, u, id, f
  if n > ENTRIES_MAX then put_together(counter, windows) end
end

local raws, counters, charges, over, at = {}, {}, {}, false, 2
for i, key in ipairs(KEYS) do
  raws[i] = redis.call('GET', key)
  counters[i] = read(raws[i])
  local charge = {
    number = ARGV[at], keep = tonumber(ARGV[at + 1]), units = tonumber(ARGV[at + 2]),
    fingerprint = tonumber(ARGV[at + 3]), limits = {},
  }
  local many = tonumber(ARGV[at + 4])
  at = at + 5
  for j = 1, many do
    charge.limits[j] = {amount = tonumber(ARGV[at]), window = tonumber(ARGV[at + 1])}
    at = at + 2
  end
  charges[i] = charge
  over = over or not fits(counters[i], charge)
end
if over then return raws end
for i, key in ipairs(KEYS) do
  if charges[i].units > 0 then
    take(counters[i], charges[i])
    write(key, counters[i])
  end
end
return 1
