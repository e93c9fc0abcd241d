"""The algorithms of ``operators/limits`` in the Lua of a Redis server.

Works on Redis 6.2 and later. Numbers stay below 2**53, where doubles are exact; they are written with ``%.0f``, because
``tostring`` would round them. Each limit's arithmetic is that of the file of its name, and one contract suite runs over
both.
"""

from typing import Final

SCRIPT: Final = """
-- Does what it is told, in order: takes for a request from all its limits or from none, or frees a place.
-- KEYS: one for each limit of each request, and one for each place.
-- ARGV: the time in microseconds ('' for this server's own), the number of limits that there are; then for each of
-- these four values: its kind, microseconds in a tick, its capacity, the refill of a bucket (else window or lease in
-- ticks); then for each request two: who asks, and for each of its limits which one it is (from 1) and the cost. For a
-- place: whose it is, and '' in place of limits.
-- Returns for each, with ';' between: for each limit what remains and the ticks to wait (-1 when it lets pass, -2 when
-- it never will); nothing for a place; '!' when a key holds something else.

local micros = tonumber(ARGV[1])
if not micros then
  local time = redis.call('TIME')
  micros = time[1] * 1000000 + time[2]
end
local asker
local PASSES, NEVER = -1, -2

local call, format, match, fmod = redis.call, string.format, string.match, math.fmod

local function numbers(stored)
  local found = {}
  for number in string.gmatch(stored, '%d+') do found[#found + 1] = tonumber(number) end
  return found
end

local function two(stored)
  local first, second = match(stored, '^(%d+) (%d+)')
  return tonumber(first), tonumber(second)
end

local function ticks(tick) return math.floor(micros / tick + 0.5) end

local function floor(a, b) return (a - fmod(a, b)) / b end

-- Milliseconds until a key says no more than its absence. A time that is given may stand still for a while.
local function expiry(length, tick)
  return format('%.0f', math.ceil(length * tick / 1000) + (ARGV[1] == '' and 1000 or 600000))
end

local function keep(key, value, length, tick)
  call('SET', key, value, 'PX', expiry(length, tick))
end

-- Each returns what remains, the ticks to wait, and what keeps the new state.

local function bucket(key, tick, capacity, refill, cost)
  local asked = ticks(tick)
  local now, missing = asked, 0
  local stored = call('GET', key)
  if stored then
    local since
    missing, since = two(stored)
    if now > since then
      missing = math.max(0, missing - (now - since) * refill)
    else
      now = since
    end
  end
  local wanted = missing + cost
  if wanted <= capacity then
    return capacity - wanted, PASSES, function() keep(key, format('%.0f %.0f', wanted, now), wanted / refill, tick) end
  end
  if cost > capacity then return capacity - missing, NEVER end
  local over = wanted - capacity
  return capacity - missing, now - asked + floor(over + refill - 1, refill)
end

local function fixed(key, tick, capacity, window, cost)
  local asked = ticks(tick)
  local now, used = asked, 0
  local stored = call('GET', key)
  if stored then
    local since, before = two(stored)
    now = math.max(now, since)
    if floor(now, window) == floor(since, window) then used = before end
  end
  local left = window - fmod(now, window)
  if used + cost <= capacity then
    return capacity - used - cost, PASSES, function()
      keep(key, format('%.0f %.0f', now, used + cost), left, tick)
    end
  end
  return capacity - used, cost > capacity and NEVER or now + left - asked
end

-- A list of 'tick total cost', where total is what has passed up to then.
local function log(key, tick, capacity, window, cost)
  local asked = ticks(tick)
  local now = asked
  local last = call('LINDEX', key, -1)
  local total, before = 0, 0
  if last then
    last = numbers(last)
    now, total = math.max(now, last[1]), last[2]
    before = total
    local first = call('LINDEX', key, 0)
    while first do
      local entry = numbers(first)
      if entry[1] > now - window then
        before = entry[2] - entry[3]
        break
      end
      call('LPOP', key)
      first = call('LINDEX', key, 0)
    end
  end
  local left = capacity - (total - before)
  if cost <= left then
    return left - cost, PASSES, function()
      call('RPUSH', key, format('%.0f %.0f %.0f', now, total + cost, cost))
      call('PEXPIRE', key, expiry(window, tick))
    end
  end
  if cost > capacity then return left, NEVER end
  local index = 0
  while true do
    for _, stored in ipairs(call('LRANGE', key, index, index + 99)) do
      local entry = numbers(stored)
      if entry[2] - before >= cost - left then return left, entry[1] + window - asked end
    end
    index = index + 100
  end
end

local function counter(key, tick, capacity, window, cost)
  local asked = ticks(tick)
  local now, here, before = asked, 0, 0
  local stored = call('GET', key)
  if stored then
    local state = numbers(stored)
    now = math.max(now, state[1])
    local passed = floor(now, window) - floor(state[1], window)
    if passed == 0 then
      here, before = state[2], state[3]
    elseif passed == 1 then
      before = state[2]
    end
  end
  local gone = fmod(now, window)
  local left = (capacity - here) * window - before * (window - gone)
  if cost * window <= left then
    return left - cost * window, PASSES, function()
      keep(key, format('%.0f %.0f %.0f', now, here + cost, before), 2 * window - gone, tick)
    end
  end
  if cost > capacity then return math.max(0, left), NEVER end
  local start = now - gone
  if here + cost > capacity then start, here, before = start + window, 0, here end
  return math.max(0, left), start + window - floor((capacity - here - cost) * window, before) - asked
end

-- A sorted set of who holds a permit, by when it lapses.
local function permits(key, tick, capacity, lease)
  call('ZREMRANGEBYSCORE', key, '-inf', format('%.0f', micros))
  local held = call('ZCARD', key)
  local mine = call('ZSCORE', key, asker)
  if mine then held = held - 1 end
  if held < capacity then
    return capacity - held - 1, PASSES, function()
      call('ZADD', key, 'GT', format('%.0f', micros + lease), asker)
      call('PEXPIRE', key, expiry(lease, 1))
    end
  end
  local first = call('ZRANGE', key, 0, 0, 'WITHSCORES')
  return 0, tonumber(first[2]) - micros
end

local kinds = {bucket = bucket, fixed = fixed, log = log, counter = counter, permits = permits}
local limits = {}
for i = 1, tonumber(ARGV[2]) do
  local at = 4 * i - 1
  limits[i] = {kinds[ARGV[at]], tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3])}
end

local function take(first, wanted)
  local said, keeps, passes = {}, {}, true
  for i = 1, #wanted, 2 do
    local limit = limits[wanted[i]]
    local remaining, wait, kept = limit[1](KEYS[first + #keeps], limit[2], limit[3], limit[4], wanted[i + 1])
    said[#said + 1] = format('%.0f %.0f', remaining, wait)
    passes = passes and wait == PASSES
    keeps[#keeps + 1] = kept or false
  end
  if passes then
    for _, kept in ipairs(keeps) do kept() end
  end
  return table.concat(said, ' ')
end

local said, first = {}, 1
for i = 4 * #limits + 3, #ARGV, 2 do
  local wanted, keys, done, told = numbers(ARGV[i + 1]), 1, nil, nil
  asker = ARGV[i]
  if #wanted > 0 then
    keys = #wanted / 2
    done, told = pcall(take, first, wanted)
  else
    done, told = pcall(call, 'ZREM', KEYS[first], asker)
    told = done and '' or told
  end
  said[#said + 1] = done and told or '!'
  first = first + keys
end
return table.concat(said, ';')
"""
