"""Fills the database: accounts, then wave after wave of turns, each in a transaction of its own."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate
from operator import itemgetter
from random import Random

from django.db import connection
from django.db.models import Max, Model

from conversations import errors
from conversations.models import Account, Conversation, Run
from conversations.services.accounts import tallies
from conversations.services.sample_data import owners, proportions, threads, turns, writing
from conversations.services.sample_data.context import documents, people, tools
from conversations.services.sample_data.owners import Owner
from conversations.services.sample_data.threads import Thread
from conversations.services.sample_data.wave import TABLES, Source, Wave

# Of all accounts the last comes late, and the rank of the others is what makes some of them large.
ACCOUNTS_MIN = 3
# A few turns have only a question.
MESSAGES_PER_TURN = 1.97


@dataclass(frozen=True, slots=True)
class Filling:
    """`named`: the account that gets `proportions.NAMED_SHARE`; "" for none.

    `longest`: how many messages one conversation of this account, or of the first one, has; a quarter of all at most.
    """

    messages: int
    accounts: int
    named: str = ""
    seed: int = 1
    longest: int = proportions.LONGEST_MESSAGES

    @property
    def wave_messages(self) -> int:
        return proportions.wave_messages(self.messages)


def has_runs() -> bool:
    return Run.objects.exists()


def fill(filling: Filling, *, progress: Callable[[int], None]) -> int:
    """The number of messages that were written, which is also told to `progress` from time to time.

    The same seed makes the same rows of the same database, but for their times. A service may run meanwhile. When it is
    broken off, what was written until then is whole. Raises InvalidRequest.
    """
    if filling.accounts < ACCOUNTS_MIN or filling.messages < 1:
        raise errors.InvalidRequest(f"at least {ACCOUNTS_MIN} accounts and one message")
    now = _now()
    begin, end = now - timedelta(days=proportions.DAYS), now - timedelta(seconds=proportions.QUIET_SECONDS)
    seed = f"{filling.seed} {_newest_run()}"
    source = Source(random=Random(seed), context_random=Random(f"{seed} context"), now=now)  # noqa: S311 — makes samples, guards nothing
    everybody = owners.prepare(number=filling.accounts, named=filling.named, random=source.random, begin=begin, now=now)
    tools.make(everybody, random=source.context_random, begin=begin)
    people.make(everybody, random=source.context_random, begin=begin)
    _add_documents(filling, source, everybody, ends=(begin, end))
    written = 0
    with writing.writer() as writer:
        while written < filling.messages:
            span = (end - begin) * min(1.0, filling.wave_messages / filling.messages)
            at = min(begin + (end - begin) * (written / filling.messages), end - span)
            wave = _wave(filling, source, everybody, begin=at, span=span, written=written)
            writer.write(wave)
            written += wave.messages
            progress(written)
    tallies.count_at_once()
    _analyze()
    return written


def _add_documents(
    filling: Filling, source: Source, everybody: list[Owner], *, ends: tuple[datetime, datetime]
) -> None:
    shares = proportions.weights(accounts=len(everybody), has_named=bool(filling.named), is_late=True)
    number = round(filling.messages * proportions.DOCUMENT_SHARE)
    documents.make(everybody, shares, number=number, random=source.context_random, texts=source.texts, ends=ends)


def _now() -> datetime:
    """By the database's clock."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT now()")
        moment: datetime = cursor.fetchone()[0]
    return moment


def _newest_run() -> int:
    return Run.objects.aggregate(newest=Max("pk"))["newest"] or 0


def _wave(
    filling: Filling, source: Source, everybody: list[Owner], *, begin: datetime, span: timedelta, written: int
) -> Wave:
    wave = Wave(source)
    choose = _chooser(filling, source, everybody, written=written)
    wave_threads = list(_threads(filling, source, everybody[0], choose, begin=begin, span=span, written=written))
    for thread in wave_threads:
        people.choose(wave, thread)
    asked: list[tuple[datetime, Thread | Owner]] = [
        (at, thread) for thread in wave_threads for at in threads.moments(thread, source.random)
    ]
    unstored = round(len(asked) * proportions.UNSTORED_SHARE)
    asked += [(begin + span * source.random.random(), choose()) for _ in range(unstored)]
    for at, who in sorted(asked, key=itemgetter(0)):
        if isinstance(who, Thread):
            turns.add_stored(wave, who, at)
        else:
            turns.add_unstored(wave, who, at)
    wave.rows[Conversation] = [threads.row(thread) for thread in wave_threads]
    return wave


def _chooser(filling: Filling, source: Source, everybody: list[Owner], *, written: int) -> Callable[[], Owner]:
    is_late = written >= proportions.LATE_AFTER * filling.messages
    weights = proportions.weights(accounts=len(everybody), has_named=bool(filling.named), is_late=is_late)
    cumulated = list(accumulate(weights))
    return lambda: source.random.choices(everybody, cum_weights=cumulated)[0]


def _threads(
    filling: Filling,
    source: Source,
    first: Owner,
    choose: Callable[[], Owner],
    *,
    begin: datetime,
    span: timedelta,
    written: int,
) -> Iterator[Thread]:
    """The conversations of a wave. Half-way the longest of all is among them."""
    wanted = max(1.0, min(filling.wave_messages, filling.messages - written) / MESSAGES_PER_TURN)
    ids, random = source.ids[Conversation], source.random
    if written <= filling.messages / 2 < written + filling.wave_messages:
        longest = min(filling.longest, filling.messages // 4)
        count = max(1, round(longest / MESSAGES_PER_TURN))
        wanted -= count
        yield threads.thread(pk=next(ids), owner=first, random=random, begin=begin, span=span, turns=count)
    while wanted >= 1:
        count = min(proportions.turns(random), int(wanted))
        wanted -= count
        yield threads.thread(pk=next(ids), owner=choose(), random=random, begin=begin, span=span, turns=count)


def _analyze() -> None:
    analyzed: tuple[type[Model], ...] = (Account, *TABLES, *documents.TABLES)
    names = ", ".join(model._meta.db_table for model in analyzed)
    with connection.cursor() as cursor:
        cursor.execute(f"ANALYZE {names}")
