"""What a process knows of a conversation's history is what the database holds, and no more than it may know."""

import pytest

from conversations.models import Account, Message, Run
from conversations.services.runs import finish
from conversations.services.runs.claim import NEWEST_MESSAGES
from conversations.values.runs import RunStatus
from conversations.workers.runs import history
from conversations.workers.runs.history import HistoryCache
from tests import builders
from tests.builders.factories import AccountFactory
from tests.builders.runs import report

pytestmark = pytest.mark.django_db
LONG = NEWEST_MESSAGES + 4


def talk(owner: Account, turns: int, *, begin: int = 0) -> list[str]:
    """So many answered turns; what was said in them."""
    said = [(f"q{number}", f"a{number}") for number in range(begin, begin + turns)]
    for question, answer in said:
        builders.runs.answered(owner, question, answer)
    return [text for pair in said for text in pair]


def ask(owner: Account, cache: HistoryCache | None = None, *, now: float = 0.0) -> tuple[Run, list[str]]:
    """A turn that is claimed and fails, so that the thread stays as it was; and what it had before it."""
    run = builders.runs.start(owner, "And?")
    claimed = builders.runs.claim(run)
    read = history.read(claimed, cache=cache or HistoryCache(), now=now)
    finish.finish(run=claimed, report=report("", status=RunStatus.FAILED, code="api_error"))
    return run, [message.text for message in read.messages]


def rewrite_first_message() -> None:
    """What nobody does: it shows who has read the row again."""
    row = Message.objects.order_by("pk")[0]
    Message.objects.filter(pk=row.pk).update(parts=[{"type": "text", "text": "rewritten"}])


@pytest.mark.parametrize("turns", [1, NEWEST_MESSAGES // 2, NEWEST_MESSAGES // 2 + 1, LONG])
def test_reads_the_whole_thread_oldest_first(ann: Account, turns: int) -> None:
    said = talk(ann, turns)

    assert ask(ann)[1] == said


def test_leaves_out_what_failed_and_what_was_not_chosen(ann: Account) -> None:
    said = talk(ann, 2)
    ask(ann)
    said += talk(ann, LONG, begin=2)

    assert ask(ann)[1] == said


def test_reads_turns_that_waited_in_the_queue_in_their_order(ann: Account) -> None:
    waiting = [builders.runs.start(ann, f"q{number}") for number in range(LONG)]
    for number, run in enumerate(waiting):
        finish.finish(run=builders.runs.claim(run), report=report(f"a{number}"))

    assert ask(ann)[1] == [f"{kind}{number}" for number in range(LONG) for kind in "qa"]


def test_knows_what_it_has_read_and_reads_what_is_new(ann: Account) -> None:
    cache = HistoryCache()
    said = talk(ann, LONG)
    assert ask(ann, cache)[1] == said
    rewrite_first_message()

    said += talk(ann, 3, begin=LONG)

    assert ask(ann, cache)[1] == said
    assert ask(ann, cache)[1] == said
    assert ask(ann)[1] == ["rewritten", *said[1:]]


def test_reads_anew_when_other_processes_had_too_many_turns(ann: Account) -> None:
    cache = HistoryCache()
    said = talk(ann, 1)
    assert ask(ann, cache)[1] == said
    rewrite_first_message()

    said += talk(ann, NEWEST_MESSAGES // 2, begin=1)
    assert ask(ann, cache)[1] == said

    said += talk(ann, NEWEST_MESSAGES // 2 + 1, begin=1 + NEWEST_MESSAGES // 2)
    assert ask(ann, cache)[1] == ["rewritten", *said[1:]]


def test_forgets_after_a_while(ann: Account) -> None:
    cache = HistoryCache()
    said = talk(ann, 2)
    talked = ask(ann, cache, now=100.0)[1]
    rewrite_first_message()

    assert talked == said
    assert ask(ann, cache, now=100.0 + history.KEEP_SECONDS)[1] == said
    assert ask(ann, cache, now=100.1 + history.KEEP_SECONDS)[1] == ["rewritten", *said[1:]]


def test_reads_no_further_than_the_window_and_never_keeps_twice_of_it(ann: Account) -> None:
    cache = HistoryCache()
    talk(ann, LONG)
    Message.objects.update(tokens=builders.runs.WINDOW // 10)

    first = ask(ann, cache)[1]
    for number in range(LONG, 2 * LONG):
        builders.runs.answered(ann, f"q{number}", f"a{number}")
        Message.objects.update(tokens=builders.runs.WINDOW // 10)
        last = ask(ann, cache)[1]

    assert first == [f"{kind}{number}" for number in range(LONG) for kind in "qa"][-11:]
    assert len(last) < 11 * 2 + 2
    assert last[-1] == f"a{2 * LONG - 1}"


def test_of_accounts_with_the_same_conversation_id_each_reads_its_own(ann: Account) -> None:
    bob, cache = AccountFactory.create(name="bob"), HistoryCache()
    talk(ann, 1)
    builders.runs.answered(bob, "Bob asks", "Bob hears")

    assert ask(ann, cache)[1] == ["q0", "a0"]
    assert ask(bob, cache)[1] == ["Bob asks", "Bob hears"]
    assert ask(ann, cache)[1] == ["q0", "a0"]


def test_a_cache_keeps_within_its_bytes_what_was_used_last() -> None:
    cache = HistoryCache(max_bytes=1400)
    for number, key in enumerate([1, 2, 1, 3]):
        cache.put(key, history.History(head_id=number, size=700), read_at=0.0, now=0.0)

    kept = {key: entry.history.head_id for key in (1, 2, 3) if (entry := cache.get(key, now=0.0))}

    assert kept == {1: 2, 3: 3}


def test_a_cache_lets_go_of_the_old_when_something_new_comes() -> None:
    cache = HistoryCache()
    cache.put(1, history.History(head_id=1), read_at=0.0, now=0.0)
    cache.put(2, history.History(head_id=2), read_at=1000.0, now=1000.0)

    assert cache.get(1, now=0.0) is None
    assert cache.get(2, now=1000.0) is not None
