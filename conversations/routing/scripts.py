"""Redis scripts of the breakers: what all worker processes know together of the targets.

As scripts they are atomic, and go by Redis's own clock, so no two processes decide the same thing differently. They
make the names of their keys themselves (a Redis Cluster is not supported anywhere).

Keys, all with the prefix:
  out                    hash: which targets are out. A field is kind, account and target (or key), a value is JSON
  calls:WINDOW:TARGET    hash: `ok` and `bad` calls of one window; of each account its bad ones
  minute:MINUTE          hash: calls of all targets in one minute, for people
  places:TARGET          sorted set: calls in progress of a target with a limit, by the end of their lease
  probe:TARGET           the same for the one call that may try a target whose breaker is half open

An entry of `out` is first of the account that saw the failure, and of all accounts (`*`) once it is not that account's
alone. Otherwise one customer with a question that makes a vendor fail could take the vendor from all others.
"""

from redis import Redis
from redis.commands.core import Script

PREFIX = "parley:upstreams:"

# Shared by the scripts below. Times are in milliseconds.
_COMMON = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local P = ARGV[1]
local OUT = P .. 'out'

local function field(kind, account, id) return kind .. '\\n' .. account .. '\\n' .. id end

local function entry(kind, account, id)
  local raw = redis.call('HGET', OUT, field(kind, account, id))
  return raw and cjson.decode(raw)
end

-- Whether a field of `out` is about the target. Ids hold no newline.
local function is_about(name, id) return string.match(name, '[^\\n]*$') == id end

local function is_free(key, most)
  redis.call('ZREMRANGEBYSCORE', key, '-inf', now)
  return redis.call('ZCARD', key) < most
end

local function hold(key, token, lease)
  redis.call('ZADD', key, now + lease, token)
  redis.call('PEXPIRE', key, lease)
end
"""

# Takes in what a process has seen since the last time, and tells what is out now.
# ARGV: prefix, JSON. Returns the time and `out` as HGETALL gives it.
# A breaker opens when enough calls of the last two windows failed, for all accounts only if that is also so without
# the account with the most failures: else for that account alone. Successes are not told apart by account: those of
# the worst one count for the others, so that a breaker opens later rather than sooner.
# A probe that succeeds lets the target in for all, whatever it was out for, unless that was by hand. One that fails
# opens it for its account for longer, and for all when the probes of two accounts have failed: a customer whose
# question is the cause cannot keep it open.
_SYNC = (
    _COMMON
    + """
local given = cjson.decode(ARGV[2])
local limits = given.limits

local function put_out(kind, account, id, value)
  local name = field(kind, account, id)
  -- What one account sees is left out when there is far too much of it.
  if account == '*' or redis.call('HEXISTS', OUT, name) == 1 or redis.call('HLEN', OUT) < limits.entries then
    redis.call('HSET', OUT, name, cjson.encode(value))
  end
end

local function open(account, id, reason)
  local before = entry('open', account, id)
  local times = before and before.times + 1 or 1
  local seconds = math.min(limits.open * 2 ^ (times - 1), limits.max_open)
  put_out('open', account, id, {
    reason = reason, since = before and before.since or now, ends = now + seconds * 1000, times = times,
    lasts = seconds * 1000})
end

local function window(number, id) return P .. 'calls:' .. number .. ':' .. id end

local function count(id, account, ok, bad)
  local key = window(math.floor(now / limits.window), id)
  redis.call('HINCRBY', key, 'ok', ok)
  redis.call('HINCRBY', key, 'bad', bad)
  if bad > 0 then
    local name = 'account:' .. account
    if redis.call('HEXISTS', key, name) == 1 or redis.call('HLEN', key) < limits.accounts then
      redis.call('HINCRBY', key, name, bad)
    end
  end
  redis.call('PEXPIRE', key, 3 * limits.window)
  local minute = P .. 'minute:' .. math.floor(now / 60000)
  redis.call('HINCRBY', minute, 'ok\\n' .. id, ok)
  redis.call('HINCRBY', minute, 'bad\\n' .. id, bad)
  redis.call('PEXPIRE', minute, 900000)
end

local function judge(id, reason)
  local ok, bad, of_account, number = 0, 0, {}, math.floor(now / limits.window)
  for back = 0, 1 do
    local found = redis.call('HGETALL', window(number - back, id))
    for i = 1, #found, 2 do
      local name, value = found[i], tonumber(found[i + 1])
      if name == 'ok' then ok = ok + value
      elseif name == 'bad' then bad = bad + value
      else of_account[name] = (of_account[name] or 0) + value end
    end
  end
  if bad < limits.failures or bad < limits.share * (ok + bad) then return end
  local worst, most = '', 0
  for name, failures in pairs(of_account) do
    if failures > most then worst, most = name, failures end
  end
  local others = bad - most
  local account = '*'
  if others == 0 or others < limits.share * (ok + others) then account = string.sub(worst, 9) end
  if not entry('open', account, id) then open(account, id, reason) end
end

local function let_in(id, key)
  for _, name in ipairs(redis.call('HKEYS', OUT)) do
    if (is_about(name, id) or is_about(name, key)) and string.sub(name, 1, 8) ~= 'by_hand\\n' then
      redis.call('HDEL', OUT, name)
    end
  end
  local number = math.floor(now / limits.window)
  redis.call('DEL', window(number, id), window(number - 1, id))
end

local function probe_failed(id, account, reason)
  local own, all = entry('open', account, id), entry('open', '*', id)
  if not own and not all then return judge(id, reason) end
  if not own or own.ends <= now then open(account, id, reason) end
  if not all or all.ends > now then return end
  if all.failed_by and all.failed_by ~= account then
    open('*', id, reason)
  else
    all.failed_by = account
    put_out('open', '*', id, all)
  end
end

for _, one in ipairs(given.outcomes) do
  local id, account, ok, bad, reason, is_probe, key = unpack(one)
  count(id, account, ok, bad)
  if is_probe and ok > 0 then let_in(id, key)
  elseif is_probe then probe_failed(id, account, reason)
  elseif bad > 0 then judge(id, reason) end
end

for _, one in ipairs(given.marks) do
  local kind, account, id, reason, seconds = unpack(one)
  local value = {reason = reason, since = now, ends = now + seconds * 1000, account = account}
  local first, all = entry(kind, '?', id), entry(kind, '*', id)
  if first and first.ends > now and first.account ~= account then
    put_out(kind, '*', id, value)
  else
    put_out(kind, '?', id, value)
  end
  -- When a vendor limits hundreds of accounts, their entries would say the same, and all processes read all of them.
  if not all or all.ends <= now then put_out(kind, account, id, value) end
end

for _, one in ipairs(given.held) do
  local key, token, is_probe = unpack(one)
  key = P .. key
  -- A probe whose lease has lapsed is not renewed: another call may be the probe by now.
  if not is_probe or redis.call('ZSCORE', key, token) then hold(key, token, limits.lease) end
end
for _, one in ipairs(given.freed) do redis.call('ZREM', P .. one[1], one[2]) end

local kept, all = {}, redis.call('HGETALL', OUT)
for i = 1, #all, 2 do
  -- A breaker that is half open stays so until a probe comes; nothing else outlives its end.
  local keep = string.sub(all[i], 1, 5) == 'open\\n' and limits.half_open or 0
  if cjson.decode(all[i + 1]).ends + keep <= now then
    redis.call('HDEL', OUT, all[i])
  else
    kept[#kept + 1] = all[i]
    kept[#kept + 1] = all[i + 1]
  end
end
return {now, kept}
"""
)

# Whether a call may begin: it takes the probe of a breaker that is half open, and a place where these are limited.
# ARGV: prefix, target, account, most calls at once (0 any number), token, lease, whether it is asked anyway (1 or 0):
# then the breaker is not looked at.
# Returns 1 and for how many milliseconds a probe may be without content, which is as long as the breaker was open last
# (0: it is no probe); or 0 and after how many milliseconds to come back (0: no place is free).
_TAKE = (
    _COMMON
    + """
local id, account, most, token, lease = ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5], tonumber(ARGV[6])
local patience = 0
for _, whose in ipairs(ARGV[7] == '1' and {} or {'*', account}) do
  local breaker = entry('open', whose, id)
  if breaker then
    if breaker.ends > now then return {0, breaker.ends - now} end
    patience = math.max(patience, breaker.lasts)
  end
end
local probe, places = P .. 'probe:' .. id, P .. 'places:' .. id
if patience > 0 and not is_free(probe, 1) then return {0, lease} end
if most > 0 and not is_free(places, most) then return {0, 0} end
if patience > 0 then hold(probe, token, lease) end
if most > 0 then hold(places, token, lease) end
return {1, patience}
"""
)

# By hand, for all accounts. ARGV: prefix, target, reason, milliseconds; 0 lets the target in again, whatever it was
# out for, and forgets its calls.
_BY_HAND = (
    _COMMON
    + """
local id, reason, milliseconds = ARGV[2], ARGV[3], tonumber(ARGV[4])
if milliseconds > 0 then
  redis.call('HSET', OUT, field('by_hand', '*', id),
             cjson.encode({reason = reason, since = now, ends = now + milliseconds}))
  return 1
end
local closed = 0
for _, name in ipairs(redis.call('HKEYS', OUT)) do
  if is_about(name, id) then closed = closed + redis.call('HDEL', OUT, name) end
end
for back = 0, 1 do
  redis.call('DEL', P .. 'calls:' .. math.floor(now / tonumber(ARGV[5])) - back .. ':' .. id)
end
return closed
"""
)


def sync(client: Redis) -> Script:
    return client.register_script(_SYNC)


def take(client: Redis) -> Script:
    return client.register_script(_TAKE)


def by_hand(client: Redis) -> Script:
    return client.register_script(_BY_HAND)
