"""The limits of a key and its account: of runs, their tokens and their places, of other requests, and of bytes."""

from django.conf import settings

from conversations import errors
from conversations.dialects import rate_headers
from conversations.loop_local import LoopLocal
from conversations.rate_limits.costs import Allowance, Charge, Cost, Left, RunPlace
from conversations.rate_limits.limiter import Limiter, connect
from conversations.rules import question_size
from conversations.stores import run_places
from conversations.values.callers import Caller
from conversations.values.requests import RunRequest

# Bytes are counted by the thousand: so a bucket's numbers stay whole, and far below what a double can no longer hold.
BYTES_STEP = 1_000
# A request that has a delivery sent, looks up a host or makes a secret counts as this many.
EXPENSIVE = 50
# What a run is expected to use, before its body is read: its end counts what it has used. Images are more bytes than
# tokens, so of a large body no more is expected than this.
BYTES_PER_TOKEN = 4
QUESTION_TOKENS_MAX = 8_000
ANSWER_TOKENS = 256

# In a minute, of a visitor with client tokens: one person, who may poll each half second and send a few pictures.
OTHERS_OF_VISITOR = 120
BYTES_OF_VISITOR = 40_000_000
# All visitors of an account have as many other requests together as so many keys: each of them may poll.
OTHERS_OF_ALL_VISITORS = 10

CROWDED = "Too many questions are being answered, or wait: {most} at once are allowed."
# Nobody knows when one of them will have its answer.
CROWDED_RETRY_SECONDS = 1.0

_limiter = LoopLocal(lambda: Limiter(connect(settings.REDIS_URL)))


async def count_run(
    caller: Caller, *, run_id: str, body_bytes: int, headers: dict[str, str]
) -> errors.RateLimited | None:
    """Counts a request for a run and its body, takes a place for it, and adds to `headers` what the key may still send.

    Returns the refusal when there was no place: its body says whether it needs one (ADR 51). Raises RateLimited for all
    other limits; such a request is not counted.
    """
    of_key, of_account = caller.key_limits, caller.account_limits
    requests = [
        Cost(f"requests:{caller.limited_as}", 1, of_key.requests_per_minute),
        Cost(f"account-requests:{caller.account_id}", 1, of_account.requests_per_minute),
    ]
    tokens = _tokens(caller, body_bytes)
    charge = Charge((*requests, *tokens, _bytes(caller, body_bytes)), _place(caller, run_id, tokens))
    allowance = await _take(charge)
    if allowance is None:
        return None
    headers |= _headers(rate_headers.Names.REQUESTS, allowance.left[: len(requests)])
    headers |= _headers(rate_headers.Names.TOKENS, allowance.left[len(requests) : -1])
    _refuse(allowance)
    return _crowded(caller) if allowance.is_crowded else None


async def hold_place(caller: Caller, *, run_id: str, body_bytes: int) -> errors.RateLimited | None:
    """Takes the place of a counted run once more: its lease may have ended while its body came slowly.

    Returns the refusal when there was none.
    """
    place = _place(caller, run_id, _tokens(caller, body_bytes))
    allowance = await _take(Charge((), place)) if place and place.sets else None
    return _crowded(caller) if allowance and allowance.is_crowded else None


async def leave_place(caller: Caller, *, run_id: str) -> None:
    """Gives back the place of a counted run that needs none."""
    place = _place(caller, run_id, ())
    if place and place.sets:
        await _limiter.get().leave(place)


async def release(caller: Caller, *, run_id: str) -> None:
    """Gives back the place and the tokens of a run that was not accepted."""
    if _place(caller, run_id, _tokens(caller, 0)):
        await _limiter.get().release(run_id)


async def count_other(caller: Caller, *, amount: int, body_bytes: int) -> None:
    """Counts any other request as `amount` of them, and its body. Raises RateLimited."""
    most = _of_visitor(settings.OTHER_REQUESTS_PER_MINUTE, OTHERS_OF_VISITOR, caller)
    costs = [Cost(f"others:{caller.limited_as}", amount, most), _bytes(caller, body_bytes)]
    if caller.visitor:
        most_of_all = settings.OTHER_REQUESTS_PER_MINUTE * OTHERS_OF_ALL_VISITORS
        costs.append(Cost(f"visitors-others:{caller.account_id}", amount, most_of_all))
    if allowance := await _take(Charge(tuple(costs))):
        _refuse(allowance)


def check_size(caller: Caller, request: RunRequest, *, body_bytes: int) -> None:
    """Raises TooManyTokens for a question that has, alone, more tokens than may be used in a minute.

    Whatever is shorter is let through, and counted as it was when it ends.
    """
    limits = (caller.key_limits.tokens_per_minute, caller.account_limits.tokens_per_minute)
    most = min((limit for limit in limits if limit), default=0)
    # A token has a byte at least.
    if not most or body_bytes <= most:
        return
    asked = question_size.least_tokens(request)
    if asked > most:
        raise errors.TooManyTokens(f"The question is too large: {asked} tokens or more, of {most} a minute.")


async def count_body(caller: Caller, *, body_bytes: int) -> None:
    """Counts a body of undeclared length once it was read; the key's next requests have that much less left."""
    await _take(Charge((_bytes(caller, body_bytes),), has_happened=True))


def _bytes(caller: Caller, count: int) -> Cost:
    most = _of_visitor(settings.BYTES_PER_MINUTE, BYTES_OF_VISITOR, caller)
    return Cost(f"kilobytes:{caller.limited_as}", -(-count // BYTES_STEP), -(-most // BYTES_STEP))


def _of_visitor(most: int, of_visitor: int, caller: Caller) -> int:
    """The setting's limit of a key, or what a visitor has of it. 0 is any number."""
    return (min(most, of_visitor) if most else of_visitor) if caller.visitor else most


def _tokens(caller: Caller, body_bytes: int) -> tuple[Cost, ...]:
    """Nothing for a key and account without such a limit."""
    of_key, of_account = caller.key_limits.tokens_per_minute, caller.account_limits.tokens_per_minute
    if not of_key and not of_account:
        return ()
    expected = min(body_bytes // BYTES_PER_TOKEN, QUESTION_TOKENS_MAX) + ANSWER_TOKENS
    # No more than a bucket holds: its end gives back what was taken.
    expected = min(expected, *(limit for limit in (of_key, of_account) if limit))
    return (
        Cost(f"tokens:{caller.limited_as}", expected, of_key),
        Cost(f"account-tokens:{caller.account_id}", expected, of_account),
    )


def _place(caller: Caller, run_id: str, tokens: tuple[Cost, ...]) -> RunPlace | None:
    """None for a run that is not limited once it is accepted."""
    sets = []
    if most := caller.key_limits.concurrent_runs:
        sets.append((run_places.runs_of_key(caller.limited_as), most))
    if most := caller.account_limits.concurrent_runs:
        sets.append((run_places.runs_of_account(caller.account_id), most))
    if not sets and not tokens:
        return None
    facts = run_places.facts(
        run_id=run_id,
        limited_as=caller.limited_as,
        account_id=caller.account_id,
        tokens=tokens[0].amount if tokens else 0,
        intervals=(tokens[0].interval, tokens[1].interval) if tokens else (0, 0),
    )
    return RunPlace(run_id, tuple(sets), facts)


async def _take(charge: Charge) -> Allowance | None:
    if charge.place is None and not any(cost.microseconds for cost in charge.costs):
        return None
    return await _limiter.get().take(charge)


def _headers(what: rate_headers.Names, left: tuple[Left, ...]) -> dict[str, str]:
    """Of the bucket that has the least left."""
    limited = [one for one in left if one.limit]
    if not limited:
        return {}
    least = min(limited, key=lambda one: one.remaining)
    return rate_headers.of(what, limit=least.limit, remaining=least.remaining, full_in=least.full_in)


def _refuse(allowance: Allowance) -> None:
    if allowance.retry_in:
        raise errors.RateLimited(retry_after=allowance.retry_in)


def _crowded(caller: Caller) -> errors.RateLimited:
    limits = (caller.key_limits.concurrent_runs, caller.account_limits.concurrent_runs)
    most = min(limit for limit in limits if limit)
    return errors.RateLimited(CROWDED.format(most=most), retry_after=CROWDED_RETRY_SECONDS)
