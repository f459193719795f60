"""The Redis scripts of the limits.

A bucket is stored as the moment at which it will be full again (GCRA), in microseconds of Redis's own clock; all
numbers are whole. Each bucket holds a minute's share, and what is taken from it comes back evenly.
"""

from conversations.stores import run_places

# Takes of all buckets of a request, or of none. If it takes of them it takes its place too, unless a set is full: the
# caller of the script decides what that means. A place that the run has already is taken anew.
# ARGV, for each request: the number of its buckets; 1 when it has happened already, so that it is counted though too
# little is left; the number of its sets, or -1 when it takes no place. Then for each bucket its size and the cost, as
# the time in which that much comes back. Then, with a place: the run, its facts, the lease in microseconds, how many
# seconds its facts are kept, and of each set the most runs. KEYS, for each request: the buckets; with a place its facts
# and the sets.
# Returns for each request: the time until all its buckets have enough, 0 when they had; 1 when a set was full; and the
# time until each bucket is full.
TAKE = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local keys, args = 0, 0
local function key() keys = keys + 1 return KEYS[keys] end
local function arg() args = args + 1 return ARGV[args] end

local function look_at_buckets(count)
  local buckets, wait = {}, 0
  for i = 1, count do
    local name, size, cost = key(), tonumber(arg()), tonumber(arg())
    local full_at = math.max(tonumber(redis.call('GET', name) or now), now)
    wait = math.max(wait, full_at + cost - now - size)
    buckets[i] = {name, full_at, cost}
  end
  return buckets, wait
end

local function look_at_place(count)
  if count < 0 then return nil, 0 end
  local place = {facts_key = key(), run = arg(), facts = arg(), lease = tonumber(arg()), keep = arg(), sets = {}}
  local is_full = 0
  for i = 1, count do
    local name, most = key(), tonumber(arg())
    redis.call('ZREMRANGEBYSCORE', name, '-inf', now)
    if redis.call('ZCARD', name) >= most and not redis.call('ZSCORE', name, place.run) then is_full = 1 end
    place.sets[i] = name
  end
  return place, is_full
end

local function take_place(place, is_full)
  redis.call('SET', place.facts_key, place.facts, 'EX', place.keep)
  if is_full == 1 then return end
  for _, name in ipairs(place.sets) do
    redis.call('ZADD', name, now + place.lease, place.run)
    redis.call('PEXPIRE', name, math.ceil(place.lease / 1000))
  end
end

local answers = {}
while args < #ARGV do
  local count, has_happened, sets = tonumber(arg()), arg(), tonumber(arg())
  local buckets, wait = look_at_buckets(count)
  local place, is_full = look_at_place(sets)
  local is_taken = has_happened == '1' or wait == 0
  if is_taken then wait = 0 end
  local answer = {wait, is_full}
  for _, bucket in ipairs(buckets) do
    local name, full_at, cost = unpack(bucket)
    if is_taken then
      full_at = full_at + cost
      redis.call('SET', name, string.format('%.0f', full_at), 'PX', math.ceil((full_at - now) / 1000))
    end
    answer[#answer + 1] = full_at - now
  end
  if is_taken and place then take_place(place, is_full) end
  answers[#answers + 1] = answer
end
return answers
"""

# Renews the places of runs that are active. A lease may have ended meanwhile, as while Redis hung or no sweep came: the
# place is taken again then, unless the run has just ended, which takes its facts away. After Redis lost its data nobody
# has facts, and all places are taken.
# KEYS: a marker that is lost with the data. ARGV: 1 to set it; lease in microseconds; seconds to keep facts; for each
# run its id, key, account, and whether the runs of either are limited (1 or 0). Whose place a run took its facts say: a
# visitor's has no key, so after Redis lost its data it counts for the account alone.
RENEW = f"""
local time = redis.call('TIME')
local until_ = time[1] * 1000000 + time[2] + tonumber(ARGV[2])
local is_lost = redis.call('EXISTS', KEYS[1]) == 0
local function renew(name, run)
  redis.call('ZADD', name, until_, run)
  redis.call('PEXPIRE', name, math.ceil(ARGV[2] / 1000))
end
for i = 4, #ARGV, 5 do
  local run, key, account, of_key, of_account = unpack(ARGV, i, i + 4)
  local facts_key = '{run_places.FACTS}' .. run
  if is_lost then
    redis.call('SET', facts_key, table.concat({{run, key, account, 0, 0, 0}}, ' '), 'EX', ARGV[3], 'NX')
  end
  local known = redis.call('GET', facts_key)
  if known then
    local limited_as = string.match(known, '%S+ (%S+)')
    if of_key == '1' then renew('{run_places.RUNS_OF_KEY}' .. limited_as, run) end
    if of_account == '1' then renew('{run_places.RUNS_OF_ACCOUNT}' .. account, run) end
  end
end
if ARGV[1] == '1' then redis.call('SET', KEYS[1], '') end
"""
