"""What an attempt's result becomes, where the run's row has changed since it was claimed."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import redis
from django.db.models import F
from django.db.models.functions import Now

from conversations import errors
from conversations.models import Account, ActiveRun, Run, RunAttempt
from conversations.queries import sources as source_queries
from conversations.relay import codec
from conversations.rules.runs.run_states import AttemptEnd, AttemptOutcome
from conversations.services.runs import cancel
from conversations.values.context.sources import NOT_SOURCED, Sourced
from conversations.values.runs import RunEnded
from conversations.workers.runs.attempt import Attempt, AttemptResult
from conversations.workers.runs.settle import settle
from providers.assembly import Assembler
from providers.events import CallStarted, TextDelta
from providers.messages import Usage
from tests import builders
from tests.builders.texts import sources
from tests.integration.conversations import inspection
from tests.integration.conversations.relay.listening import listening

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("valkey")]

CUT = AttemptEnd(AttemptOutcome.ERROR, errors.UpstreamFailed("cut", retry_after=2.0), is_retryable=True)
COMPLETED = AttemptEnd(AttemptOutcome.COMPLETED)
DRAINED = AttemptEnd(AttemptOutcome.DRAINED)

Answered = Callable[..., tuple[Attempt, AttemptResult]]


@pytest.fixture
def answered(valkey: redis.Redis) -> Answered:
    """An attempt that published `text` and then ended."""

    def of(run: Run, end: AttemptEnd, *, text: str = "Hel") -> tuple[Attempt, AttemptResult]:
        attempt = Attempt(builders.runs.claim(run), "w1", builders.runs.live_log(valkey, run))
        draft = Assembler()
        draft.add(CallStarted(model="gpt-4"))
        if text:
            draft.add(TextDelta(text))
            attempt.live_log.add(TextDelta(text))
        return attempt, AttemptResult(
            end=end,
            draft=draft,
            answer_bytes=len(text),
            is_published=attempt.live_log.has_published,
            log_shape=attempt.live_log.shape,
            prompt_tokens=7,
            first_token_at=None,
            upstream_request_id="req-1",
            upstream_calls=2,
        )

    return of


def attempts(run: Run) -> list[tuple[int, str, str, int, str]]:
    columns = ("number", "outcome", "upstream_request_id", "upstream_calls", "error_code")
    return list(RunAttempt.objects.filter(run=run).order_by("number").values_list(*columns))


def test_an_answer_that_was_cut_is_asked_for_again_when_nobody_streams_it(ann: Account, answered: Answered) -> None:
    run = builders.runs.start(ann)
    attempt, result = answered(run, CUT)

    settle(attempt, result)

    assert inspection.state(run) == ("queued", 1, 1, "")
    assert inspection.answer(run) is None
    assert attempts(run) == [(1, "lost", "req-1", 2, "")]
    assert RunAttempt.objects.get(run=run).usage == {"prompt_tokens": 7, "completion_tokens": 1, "source": "estimated"}


def test_a_run_that_was_opened_as_a_stream_meanwhile_ends_with_its_text(
    ann: Account, valkey: redis.Redis, answered: Answered
) -> None:
    run = builders.runs.start(ann)
    attempt, result = answered(run, CUT)
    ActiveRun.objects.filter(pk=run.pk).update(is_streamed=True)

    settle(attempt, result)

    assert inspection.state(run) == ("failed", 1, 0, "upstream_failed")
    assert (run.error_message, run.error_facts) == ("cut", {"retry_after": 2.0})
    assert inspection.answer(run) == "Hel"
    assert attempts(run) == [(1, "failed", "req-1", 2, "upstream_failed")]
    last = codec.load_log(valkey.xrange(codec.log_key(run.public_id, 1)))[-1].event
    assert isinstance(last, RunEnded)
    assert (last.status, last.error_code, last.usage) == ("failed", "upstream_failed", Usage(7, 1, source="estimated"))


def test_a_run_that_was_cancelled_meanwhile_is_not_put_back(ann: Account, answered: Answered) -> None:
    run = builders.runs.start(ann)
    attempt, result = answered(run, DRAINED)
    cancel.cancel_run(run)

    settle(attempt, result)

    assert inspection.state(run) == ("cancelled", 1, 0, "run_cancelled")
    assert inspection.answer(run) == "Hel"
    assert attempts(run) == [(1, "cancelled", "req-1", 2, "run_cancelled")]


def test_nothing_is_kept_of_a_cancelled_run_that_is_not_stored(ann: Account, answered: Answered) -> None:
    run = builders.runs.start(ann, is_stored=False)
    attempt, result = answered(run, AttemptEnd(AttemptOutcome.CANCELLED))

    settle(attempt, result)

    assert inspection.state(run) == ("cancelled", 1, 0, "run_cancelled")
    assert (run.request, run.answer) == (None, None)


@pytest.mark.parametrize("text", ["", "Hel"])
def test_a_run_that_is_another_attempts_by_now_is_left_to_it(ann: Account, answered: Answered, text: str) -> None:
    run = builders.runs.start(ann)
    attempt, result = answered(run, DRAINED, text=text)
    ActiveRun.objects.filter(pk=run.pk).update(attempt=F("attempt") + 1)

    settle(attempt, result)

    assert inspection.state(run) == ("in_progress", 2, 0, "")
    assert attempts(run) == []


def test_readers_of_a_run_that_somebody_else_has_ended_are_made_to_look(
    ann: Account, valkey: redis.Redis, answered: Answered
) -> None:
    run = builders.runs.start(ann)
    attempt, result = answered(run, AttemptEnd(AttemptOutcome.COMPLETED))
    Run.objects.filter(pk=run.pk).update(ended_as="failed", error_code="x", finished_at=Now(), attempt=1)
    ActiveRun.objects.filter(pk=run.pk).delete()

    with listening(valkey, run.channel) as heard:
        settle(attempt, result)

    assert inspection.state(run) == ("failed", 1, 0, "x")
    assert inspection.answer(run) is None
    assert heard == [b""]


def sourced_as_written(run: Run, valkey: redis.Redis) -> tuple[Sourced, Sourced]:
    """In the run's row, and in the last event of its log."""
    last = codec.load_log(valkey.xrange(codec.log_key(run.public_id, 1)))[-1].event
    assert isinstance(last, RunEnded)
    return source_queries.of(Run.objects.get(pk=run.pk)), last.sourced


def test_what_the_model_was_shown_is_kept_and_published_with_what_the_answer_cites(
    ann: Account, valkey: redis.Redis, answered: Answered
) -> None:
    run = builders.runs.start(ann)
    attempt, result = answered(run, COMPLETED, text=sources.ANSWER)

    settle(attempt, replace(result, sources=sources.ALL, notes={"search": "off"}))

    in_row, in_log = sourced_as_written(run, valkey)
    assert in_log == sources.sourced(notes={"search": "off"})
    assert [citation.number for citation in in_row.citations] == [1, 2, 3, 7]
    assert in_row.notes == {"search": "off"}
    assert inspection.answer(run) == sources.ANSWER


def test_a_stopped_answer_says_what_it_cites_so_far(ann: Account, valkey: redis.Redis, answered: Answered) -> None:
    run = builders.runs.start(ann)
    attempt, result = answered(run, AttemptEnd(AttemptOutcome.CANCELLED), text=sources.ANSWER[:40])

    settle(attempt, replace(result, sources=sources.ALL))

    in_row, in_log = sourced_as_written(run, valkey)
    assert (
        [citation.number for citation in in_row.citations] == [citation.number for citation in in_log.citations] == [1]
    )


def test_an_end_without_an_answer_says_nothing_of_sources(
    ann: Account, valkey: redis.Redis, answered: Answered
) -> None:
    run = builders.runs.start(ann)
    attempt, result = answered(run, AttemptEnd(AttemptOutcome.ERROR, errors.UpstreamFailed("cut")), text="")

    settle(attempt, replace(result, sources=sources.ALL, notes={"search": "off"}))

    assert sourced_as_written(run, valkey) == (NOT_SOURCED, NOT_SOURCED)
