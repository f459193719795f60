"""The writers of a run's log as Redis scripts, so that a sweep and the worker it takes for dead never cross; and its
reader's.

Redis-py sends a script's digest, and its text only to a Redis that has forgotten it.
"""

from enum import IntEnum
from typing import Any

from redis import Redis
from redis.commands.core import Script


class Appended(IntEnum):
    """What became of entries on their way to the log; readers are told of `DONE` ones only."""

    SEALED = -1
    GONE = 0
    DONE = 1


# What is there already is left, which makes a repeat after a broken connection harmless; anything else there, or a
# fence, means that the attempt is not this worker's any more.
# KEYS: log. ARGV: channel, attempt, seconds to keep, most bytes to publish, entries before these, entries …
_APPEND = """
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
local before = tonumber(ARGV[5])
local held = 0
if last then
  if last[2][1] ~= 'e' then return -1 end
  held = tonumber(string.match(last[1], '^%d+'))
end
if held < before then return 0 end
local bytes = 0
for i = 6, #ARGV do
  local id = string.format('%d-0', before + i - 5)
  if before + i - 5 > held then
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
    .. table.concat(ARGV, ',', 6) .. ']}'
end
redis.call('PUBLISH', ARGV[1], message)
return 1
"""

# The fence stands between two positions, so that the end which a sweep writes is the next one to the readers.
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

# As many entries as come to so many bytes, one at least. EVAL sends this text each time, and saves a round trip.
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
    """What a script returned of a log, as XRANGE would have."""
    return [(entry_id, {fields[0]: fields[1]}) for entry_id, fields in found]


def append(client: Redis) -> Script:
    return client.register_script(_APPEND)


def fence(client: Redis) -> Script:
    return client.register_script(_FENCE)
