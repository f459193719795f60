"""Redis scripts that write and read a run's log.

As scripts the writers are atomic: a sweep and the worker that it takes for dead never both write. Redis-py sends only a
script's digest, and its text when Redis does not know it.
"""

from enum import IntEnum
from typing import Any

from redis import Redis
from redis.commands.core import Script

from conversations.stores.run_places import SETTLE


class Appended(IntEnum):
    """What became of entries sent to the log; only those of `DONE` were published.

    FENCED: the attempt is not this worker's any more. GONE: Redis lost entries that were written before.
    """

    FENCED = -1
    GONE = 0
    DONE = 1


# An entry that is there already is left alone, so a repeat after a broken connection is harmless. A different entry
# there, or a fence, means that the attempt is not this worker's any more.
# KEYS: log; with a run's end, its facts. ARGV: channel, attempt, seconds to keep, most bytes to publish, number of
# entries before these, tokens that the run has used, entries …
# The entry that ends a run also frees its places and counts its tokens (`run_places`).
_APPEND = (
    SETTLE
    + """
if KEYS[2] then settle(KEYS[2], ARGV[6]) end
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
local before = tonumber(ARGV[5])
local held = 0
if last then
  if last[2][1] ~= 'e' then return -1 end
  held = tonumber(string.match(last[1], '^%d+'))
end
if held < before then return 0 end
local bytes = 0
for i = 7, #ARGV do
  local id = string.format('%d-0', before + i - 6)
  if before + i - 6 > held then
    redis.call('XADD', KEYS[1], id, 'e', ARGV[i])
  else
    local there = redis.call('XRANGE', KEYS[1], id, id)[1]
    if not there or there[2][2] ~= ARGV[i] then return -1 end
  end
  bytes = bytes + #ARGV[i]
end
if not last then redis.call('EXPIRE', KEYS[1], ARGV[3]) end
local message = ''
if bytes <= tonumber(ARGV[4]) then
  message = string.format('{"attempt":%d,"first":%d,"items":[', ARGV[2], before + 1)
    .. table.concat(ARGV, ',', 7) .. ']}'
end
redis.call('PUBLISH', ARGV[1], message)
return 1
"""
)

# The fence's id lies between two positions (`7-1`), so that to readers the end that a sweep writes is the next event.
# KEYS: log. ARGV: seconds to keep. Returns the whole log.
_FENCE = """
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
if not last or last[2][1] == 'e' then
  local held = last and string.match(last[1], '^%d+') or '0'
  redis.call('XADD', KEYS[1], held .. '-1', 'sealed', '')
  if not last then redis.call('EXPIRE', KEYS[1], ARGV[1]) end
end
return redis.call('XRANGE', KEYS[1], '-', '+')
"""

# Entries until they hold so many bytes, at least one. EVAL sends this text each time, which saves the round trip of
# finding out that Redis does not know the digest.
# KEYS: log. ARGV: the id to begin at, bytes.
PAGE = """
local page, bytes, from = {}, 0, ARGV[1]
repeat
  local entries = redis.call('XRANGE', KEYS[1], from, '+', 'COUNT', 16)
  for _, entry in ipairs(entries) do
    page[#page + 1] = entry
    from = '(' .. entry[1]
    bytes = bytes + #entry[2][2]
    if bytes >= tonumber(ARGV[2]) then return page end
  end
until #entries == 0
return page
"""


def entries(found: Any) -> list[tuple[bytes, dict[bytes, bytes]]]:
    """What a script returned of a log, in the form that XRANGE has in redis-py."""
    return [(entry_id, {fields[0]: fields[1]}) for entry_id, fields in found]


def append(client: Redis) -> Script:
    return client.register_script(_APPEND)


def fence(client: Redis) -> Script:
    return client.register_script(_FENCE)
