"""The script by which a cache in Redis reads and changes its keys: each step of it is atomic, and bounded in time.

The keys of a namespace begin with one prefix, which also keeps them in one slot:

* ``item:<key>``: a result, with its time to live
* ``lock:<key>``: who finds the result now; it expires unless it is renewed
* ``about``: what the index knows of each item (size, tags), and the sums; a hash
* ``used``, ``ends``: the items by last use and by end of life; sorted sets
* ``tag:<tag>``: the items that have the tag; a set
* ``gone:<tag>``, ``gone``: when a tag, or everything, was last dropped

Redis may evict any of them when it is short of memory. What is not in the index is not given out, and an index of which
a part is missing is thrown away as a whole, so an eviction can cost results and never brings back dropped ones.
"""

from typing import Final

HIT: Final = 1
MISS: Final = 0
YOURS: Final = 2
BUSY: Final = 3

CHANGED: Final = b"d"
RELEASED: Final = b"r"
TAG_DROPPED: Final = b"t"
ALL_DROPPED: Final = b"c"

SCRIPT: Final = """
local p = KEYS[1]
local op, key = ARGV[1], ARGV[2]
local about, used, ends = p .. 'about', p .. 'used', p .. 'ends'
local most = 500  -- items that one step removes: some milliseconds of the server's time

local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]

local function number(field)
  return tonumber(redis.call('HGET', about, field) or 0)
end

local function tell(kind, name)
  redis.call('PUBLISH', p .. 'told', kind .. ' ' .. string.format('%.0f', now) .. ' ' .. name)
end

local function outlive(name, ms)
  if redis.call('PTTL', name) < ms then
    redis.call('PEXPIRE', name, ms)
  end
end

local function sums()
  return number('count'), number('bytes')
end

local function done(result, evicted, left)
  local count, bytes = sums()
  return {result, evicted, count, bytes, left}
end

local function drop(name)
  local noted = redis.call('HGET', about, 'k:' .. name)
  if not noted then
    return 0
  end
  local there = redis.call('DEL', p .. 'item:' .. name)
  noted = cmsgpack.unpack(noted)
  redis.call('HDEL', about, 'k:' .. name)
  redis.call('ZREM', used, name)
  redis.call('ZREM', ends, name)
  redis.call('HINCRBY', about, 'count', -1)
  redis.call('HINCRBY', about, 'bytes', -noted[1])
  for _, tag in ipairs(noted[2]) do
    redis.call('SREM', p .. 'tag:' .. tag, name)
    if redis.call('HINCRBY', about, 't:' .. tag, -1) <= 0 then
      redis.call('HDEL', about, 't:' .. tag)
    end
  end
  return there
end

local function drop_all()
  if redis.call('EXISTS', used) == 1 then
    redis.call('ZUNIONSTORE', p .. 'swept', 2, p .. 'swept', used)
    redis.call('PEXPIRE', p .. 'swept', 86400000)
  end
  redis.call('UNLINK', about, used, ends)
end

local function sweep()
  local names = redis.call('ZPOPMIN', p .. 'swept', most)
  for at = 1, #names, 2 do
    if redis.call('HEXISTS', about, 'k:' .. names[at]) == 0 then
      redis.call('UNLINK', p .. 'item:' .. names[at])
    end
  end
end

local function check()
  local count = number('count')
  if redis.call('ZCARD', used) ~= count or redis.call('ZCARD', ends) ~= count then
    drop_all()
  end
end

local function drop_ended()
  local ended = redis.call('ZRANGEBYSCORE', ends, '-inf', now / 1000, 'LIMIT', 0, most)
  for _, name in ipairs(ended) do
    drop(name)
  end
end

-- Makes room for one more item, at the cost of the least recently used.
local function make_room(size, most_entries, most_bytes)
  local evicted = 0
  if size > most_bytes then
    return evicted, false
  end
  local count, bytes = sums()
  while (count + 1 > most_entries or bytes + size > most_bytes) and evicted < most do
    local oldest = redis.call('ZRANGE', used, 0, 0)[1]
    if not oldest then
      break
    end
    drop(oldest)
    evicted = evicted + 1
    count, bytes = sums()
  end
  return evicted, count + 1 <= most_entries and bytes + size <= most_bytes
end

-- A number that grows with each use; none when the server is out of memory. To be asked for before anything is
-- written: after a script's first write Redis refuses it nothing any more.
local function next_tick()
  local tick = redis.pcall('HINCRBY', about, 'tick', 1)
  if tick == 1 then
    outlive(about, 60000)
  end
  return type(tick) == 'number' and tick
end

local function keep(item, size, ttl, tags, tick)
  redis.call('SET', p .. 'item:' .. key, item, 'PX', ttl)
  redis.call('HSET', about, 'k:' .. key, cmsgpack.pack({size, tags}))
  redis.call('HINCRBY', about, 'count', 1)
  redis.call('HINCRBY', about, 'bytes', size)
  redis.call('ZADD', used, tick, key)
  redis.call('ZADD', ends, now / 1000 + ttl, key)
  for _, tag in ipairs(tags) do
    if redis.call('HINCRBY', about, 't:' .. tag, 1) == 1 then
      redis.call('DEL', p .. 'tag:' .. tag)
    end
    redis.call('SADD', p .. 'tag:' .. tag, key)
    outlive(p .. 'tag:' .. tag, ttl + 60000)
  end
  for _, name in ipairs({about, used, ends}) do
    outlive(name, ttl + 60000)
  end
end

local function dropped_since(since, tags)
  local names = {p .. 'gone'}
  for _, tag in ipairs(tags) do
    names[#names + 1] = p .. 'gone:' .. tag
  end
  for _, at in ipairs(redis.call('MGET', unpack(names))) do
    if at and tonumber(at) >= since then
      return true
    end
  end
  return false
end

local function mark(name, ms)
  redis.call('SET', name, string.format('%.0f', now), 'PX', ms)
end

if op == 'look' then
  local token, lease = ARGV[3], ARGV[4]
  local item = redis.call('GET', p .. 'item:' .. key)
  if item and redis.call('HEXISTS', about, 'k:' .. key) == 1 then
    local tick = next_tick()
    if tick then
      redis.call('ZADD', used, 'XX', tick, key)
    end
    return {1, now, item, redis.call('PTTL', p .. 'item:' .. key)}
  end
  if token == '' then
    return {0, now}
  end
  local holder = redis.call('GET', p .. 'lock:' .. key)
  if holder and holder ~= token then
    return {3, now, redis.call('PTTL', p .. 'lock:' .. key)}
  end
  redis.call('SET', p .. 'lock:' .. key, token, 'PX', lease)
  return {2, now}
end

if op == 'fill' or op == 'put' then
  local item, size, ttl = ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
  local most_entries, most_bytes = tonumber(ARGV[6]), tonumber(ARGV[7])
  local token, since = ARGV[8], tonumber(ARGV[9])
  local tags = {unpack(ARGV, 10)}
  local kept, evicted = false, 0
  local lock = p .. 'lock:' .. key
  if op == 'put' or redis.call('GET', lock) == token then
    check()
    local tick = next_tick()
    redis.call('DEL', lock)
    if op == 'put' or not dropped_since(since, tags) then
      drop(key)
      drop_ended()
      if tick then
        evicted, kept = make_room(size, most_entries, most_bytes)
      end
      if kept then
        keep(item, size, ttl, tags, tick)
      end
    end
    tell('d', key)
  end
  return done(kept and 1 or 0, evicted, 0)
end

if op == 'renew' then
  if redis.call('GET', p .. 'lock:' .. key) ~= ARGV[3] then
    return 0
  end
  return redis.call('PEXPIRE', p .. 'lock:' .. key, ARGV[4])
end

if op == 'release' then
  if redis.call('GET', p .. 'lock:' .. key) == ARGV[3] then
    redis.call('DEL', p .. 'lock:' .. key)
    tell('r', key)
  end
  return 0
end

if op == 'delete' then
  local there = drop(key)
  redis.call('DEL', p .. 'lock:' .. key)
  tell('d', key)
  return done(there, 0, 0)
end

if op == 'tag' then
  mark(p .. 'gone:' .. key, ARGV[3])
  local there, members, noted = 0, p .. 'tag:' .. key, number('t:' .. key)
  if noted == 0 then
    redis.call('UNLINK', members)
  elseif redis.call('SCARD', members) ~= noted then
    there = redis.call('ZCARD', used)
    drop_all()
    redis.call('UNLINK', members)
    tell('c', '')
  end
  for _, name in ipairs(redis.call('SRANDMEMBER', members, most)) do
    there = there + drop(name)
  end
  tell('t', key)
  return done(there, 0, redis.call('SCARD', members))
end

if op == 'clear' then
  mark(p .. 'gone', ARGV[3])
  local there = redis.call('ZCARD', used)
  drop_all()
  tell('c', '')
  return done(there, 0, 0)
end

-- op == 'tidy'
drop_ended()
sweep()
return done(0, 0, redis.call('ZCARD', p .. 'swept'))
"""
