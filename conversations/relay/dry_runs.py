"""Dry runs on their way to a worker and back, through Redis: nothing of them is in the database.

The request is a key with a short life, and its reader's lease: while it is there, somebody waits for the answer. What
comes back is a list of one, so that the reader is woken by it.
"""

import redis
import redis.asyncio

# Longer than a reader waits (`views/runs/dry_runs.py`).
KEEP_SECONDS = 90
# A worker says twice a second that it is still at it. One that was silent for this long is dead, or as good as dead.
TAKEN_SECONDS = 8
# How often a reader's wait is begun anew, so that a Redis that was restarted is found.
WAIT_STEP_SECONDS = 2


def _asked(dry_run_id: str) -> str:
    return f"parley:dry:{dry_run_id}"


def _taken(dry_run_id: str) -> str:
    return f"parley:dry:{dry_run_id}:taken"


def _answered(dry_run_id: str) -> str:
    return f"parley:dry:{dry_run_id}:answer"


async def ask(client: redis.asyncio.Redis, dry_run_id: str, request: bytes) -> None:
    """Raises RedisError."""
    await client.set(_asked(dry_run_id), request, ex=KEEP_SECONDS)


async def answer_to(client: redis.asyncio.Redis, dry_run_id: str) -> bytes | None:
    """Waits for the answer, for WAIT_STEP_SECONDS at most. Raises RedisError."""
    found = await client.blpop([_answered(dry_run_id)], timeout=WAIT_STEP_SECONDS)
    answer = found[1] if found else None
    return answer if isinstance(answer, bytes) else None


async def is_taken(client: redis.asyncio.Redis, dry_run_id: str) -> bool:
    """Whether a worker is at it. Raises RedisError."""
    return bool(await client.exists(_taken(dry_run_id)))


async def withdraw(client: redis.asyncio.Redis, dry_run_id: str) -> None:
    """Nobody waits any more: its worker stops. Raises RedisError."""
    await client.delete(_asked(dry_run_id), _taken(dry_run_id), _answered(dry_run_id))


def take(client: redis.Redis, dry_run_id: str) -> bytes | None:
    """The request, for its worker; None where nobody waits any more, or another worker has it. Raises RedisError."""
    if not client.exists(_asked(dry_run_id)) or not client.set(_taken(dry_run_id), b"", nx=True, ex=TAKEN_SECONDS):
        return None
    found = client.get(_asked(dry_run_id))
    return found if isinstance(found, bytes) else None


def keep(client: redis.Redis, dry_run_id: str) -> bool:
    """Says that its worker is still at it; False where nobody waits any more. Raises RedisError."""
    with client.pipeline(transaction=False) as commands:
        commands.exists(_asked(dry_run_id))
        commands.expire(_taken(dry_run_id), TAKEN_SECONDS)
        is_awaited, _ = commands.execute()
    return bool(is_awaited)


def answer(client: redis.Redis, dry_run_id: str, body: bytes) -> None:
    """Raises RedisError."""
    key = _answered(dry_run_id)
    with client.pipeline() as commands:
        commands.rpush(key, body)
        commands.expire(key, KEEP_SECONDS)
        commands.execute()
