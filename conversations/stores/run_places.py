"""What Redis knows of runs that are not over: the places they take, and the tokens they were expected to use.

A run's place is an entry in the set of its key's runs and in that of its account's, each as far as it is limited. An
entry is leased: it counts until its score, in microseconds of Redis's clock. Who accepts the run takes the place,
whoever ends the run frees it, and the sweep renews those of runs that are active (ADR 45).

What a run is expected to use stands beside it, so that whoever ends it needs to know the run alone.
"""

LEASE_SECONDS = 15.0
# Longer than a run can wait and take.
FACTS_SECONDS = 86_400 * 2

# The scripts below put the same names together.
FACTS = "parley:running:"
RUNS_OF_KEY, RUNS_OF_ACCOUNT = "parley:runs:key:", "parley:runs:account:"
TOKENS_OF_KEY, TOKENS_OF_ACCOUNT = "parley:tokens:", "parley:account-tokens:"


def facts_key(run_id: str) -> str:
    return f"{FACTS}{run_id}"


def runs_of_key(limited_as: str) -> str:
    """Of a key, or of a visitor with client tokens (`Caller.limited_as`)."""
    return f"{RUNS_OF_KEY}{limited_as}"


def runs_of_account(account_id: int) -> str:
    return f"{RUNS_OF_ACCOUNT}{account_id}"


def tokens_of_key(limited_as: str) -> str:
    return f"{TOKENS_OF_KEY}{limited_as}"


def tokens_of_account(account_id: int) -> str:
    return f"{TOKENS_OF_ACCOUNT}{account_id}"


def facts(*, run_id: str, limited_as: str, account_id: int, tokens: int, intervals: tuple[int, int]) -> str:
    """`intervals`: the microseconds in which the key and the account get one token back; 0 without a limit."""
    return f"{run_id} {limited_as} {account_id} {tokens} {intervals[0]} {intervals[1]}"


# A Lua function for the scripts that end a run. It frees the run's places, and counts what the run has used instead of
# what it was expected to. Called twice it changes nothing.
SETTLE = f"""
local function settle(name, used)
  local known = redis.call('GET', name)
  if not known then return end
  redis.call('DEL', name)
  local run, key, account, expected, of_key, of_account = string.match(known, '(%S+) (%S+) (%d+) (%d+) (%d+) (%d+)')
  redis.call('ZREM', '{RUNS_OF_KEY}' .. key, run)
  redis.call('ZREM', '{RUNS_OF_ACCOUNT}' .. account, run)
  local time = redis.call('TIME')
  local now = time[1] * 1000000 + time[2]
  local buckets = {{{{'{TOKENS_OF_KEY}' .. key, of_key}}, {{'{TOKENS_OF_ACCOUNT}' .. account, of_account}}}}
  for _, bucket in ipairs(buckets) do
    local interval = tonumber(bucket[2])
    if interval > 0 and tonumber(used) ~= tonumber(expected) then
      local full_at = math.max(tonumber(redis.call('GET', bucket[1]) or now), now)
      full_at = full_at + (used - expected) * interval
      if full_at > now then
        redis.call('SET', bucket[1], string.format('%.0f', full_at), 'PX', math.ceil((full_at - now) / 1000))
      else
        redis.call('DEL', bucket[1])
      end
    end
  end
end
"""

# Frees the places of runs that ended without an answer, or that nobody accepted. KEYS: their facts.
RELEASE = f"""{SETTLE}
for _, name in ipairs(KEYS) do settle(name, 0) end
"""
