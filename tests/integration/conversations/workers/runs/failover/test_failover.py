"""A run whose model has several targets: which are asked, in which order, and what is kept of it."""

import threading
from typing import Any

import pytest
import redis

from conversations.models import Account, ActiveRun, Run, RunAttempt
from conversations.routing import scripts
from conversations.services.upstreams import targets
from conversations.workers.runs import ask as asking_module
from conversations.workers.runs.attempt import Attempt
from conversations.workers.runs.process import WorkerProcess
from conversations.workers.runs.settle import settle
from tests import builders
from tests.fakes.replies import Act, Again, Reply, answers, completion, event, fails, says, streams
from tests.fakes.upstream import FakeUpstream
from tests.integration.conversations import inspection
from tests.integration.conversations.workers.runs.conftest import Answered

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("valkey", "no_routes")]

FIRST, SECOND = "openai / first / gpt-4", "openai / second / gpt-4"
OVERLOADED = {"error": {"message": "Overloaded", "code": 502}}


@pytest.mark.parametrize(
    ("trouble", "failure"),
    [
        (fails(500), ("unavailable", 500)),
        (fails(503, headers={"Retry-After": "0"}), ("unavailable", 503)),
        (fails(429), ("rate_limited", 429)),
        (fails(429, headers={"Retry-After": "0"}), ("rate_limited", 429)),
        (fails(429, headers={"Retry-After": "86400"}), ("rate_limited", 429)),
        (fails(401, code="invalid_api_key"), ("key_refused", 401)),
        (fails(402), ("key_refused", 402)),
        (fails(403), ("key_refused", 403)),
        (fails(429, code="insufficient_quota"), ("key_refused", 429)),
        (fails(404, "The model `gpt-4` does not exist", code="model_not_found"), ("model_not_found", 404)),
        (fails(403, "Country not supported", code="unsupported_country_region_territory"), ("region_refused", 403)),
        (fails(400, "User location is not supported for the API use."), ("region_refused", 400)),
        (fails(408), ("timed_out", 408)),
        (Reply(status=302, headers={"Location": "http://127.0.0.1:1/"}), ("garbled", 302)),
        (Reply((b"HTTP/1.1 200 OK\r\n", Again(b"X-A: " + b"a" * 1000 + b"\r\n")), raw=True), ("unreachable", None)),
        (answers(b"<html>Bad gateway</html>", status=502, content_type="text/html"), ("unavailable", 502)),
        (answers(b"<html>", content_type="text/html"), ("garbled", None)),
        (answers(OVERLOADED), ("unavailable", 502)),
        (streams(OVERLOADED), ("unavailable", 502)),
        (streams({"error": {"message": "Slow down", "code": 429}}), ("rate_limited", 429)),
        (answers(completion("")), ("empty", None)),
        (says("Never").refusing_to_answer(), ("unreachable", None)),
        (says("Never").cut_after(0), ("cut", None)),
        (says("Never").cut_after(1), ("cut", None)),
        (says("").stalled_after(0), ("timed_out", None)),
        (says("Never").stalled_after(1), ("timed_out", None)),
        (says("Never").silent(), ("timed_out", None)),
        (Reply((event({"choices": [{"index": 0, "delta": {"role": "assistant"}}]}), Act.CUT)), ("cut", None)),
    ],
)
def test_goes_on_to_the_next_target_before_any_content(
    answered: Answered, first: FakeUpstream, second: FakeUpstream, trouble: Reply, failure: tuple[str, int | None]
) -> None:
    is_silent = any(Act.STALL in steps for steps in (trouble.first, trouble.steps))
    builders.upstreams.target(first, "first", read_timeout=0.3 if is_silent else None)
    builders.upstreams.target(second, "second", priority=2)
    first.script(trouble)
    second.script(says("He", "re."))

    run = answered()

    assert inspection.state(run) == ("completed", 1, 0, "")
    assert inspection.answer(run) == "Here."
    assert (len(first.requests), len(second.requests)) == (1, 1)
    assert first.requests[0].headers["authorization"] == "Bearer sk-first"
    assert second.requests[0].headers["authorization"] == "Bearer sk-second"
    assert inspection.moves(run) == [(FIRST, *failure)]
    attempt = RunAttempt.objects.get(run=run)
    assert (attempt.target, attempt.upstream_calls, attempt.upstream_request_id) == (SECOND, 2, "req-fake")


def test_goes_on_when_connections_are_refused(answered: Answered, first: FakeUpstream, second: FakeUpstream) -> None:
    builders.upstreams.target(first, "first")
    builders.upstreams.target(second, "second", priority=2)
    first.stop()

    run = answered()

    assert inspection.answer(run) == "1 messages; the last user message: Hello"
    assert inspection.moves(run) == [(FIRST, "unreachable", None)]


@pytest.mark.parametrize("scheme", ["https://127.0.0.1:{port}/v1", "http://nobody.invalid/v1", "http://localhost:1/v1"])
def test_goes_on_when_there_is_no_secure_connection_no_name_or_nobody(
    answered: Answered, first: FakeUpstream, second: FakeUpstream, scheme: str
) -> None:
    builders.upstreams.target(scheme.format(port=first.port), "first")
    builders.upstreams.target(second, "second", priority=2)

    run = answered()

    assert inspection.state(run)[0] == "completed"
    assert inspection.moves(run) == [(FIRST, "unreachable", None)]
    assert first.requests == []


@pytest.mark.parametrize(
    ("trouble", "code"),
    [
        (fails(400, "No such option"), "upstream_refused"),
        (fails(400, "Filtered", code="content_filter"), "content_refused"),
        (fails(403, "Content violates usage guidelines."), "upstream_forbidden"),
        (fails(413, "Image too large"), "body_too_large"),
        (fails(422, "Unprocessable"), "upstream_refused"),
    ],
)
def test_asks_nobody_else_what_the_question_itself_is_refused_for(
    answered: Answered, first: FakeUpstream, second: FakeUpstream, trouble: Reply, code: str
) -> None:
    builders.upstreams.target(first, "first")
    builders.upstreams.target(second, "second", priority=2)
    first.script(trouble)

    run = answered()

    assert inspection.state(run) == ("failed", 1, 0, code)
    assert (len(first.requests), len(second.requests)) == (1, 0)


@pytest.mark.parametrize("trouble", [says("Hel", "lo").cut_after(2), says("Hel", "lo").stalled_after(2)])
def test_never_goes_on_after_content(
    answered: Answered, ann: Account, first: FakeUpstream, second: FakeUpstream, trouble: Reply
) -> None:
    builders.upstreams.target(first, "first", read_timeout=0.3 if Act.STALL in trouble.steps else None)
    builders.upstreams.target(second, "second", priority=2)
    first.script(trouble)
    run = builders.runs.start(ann, is_streamed=True)

    answered(run)

    assert inspection.state(run)[0] == "failed"
    assert inspection.answer(run) == "Hel"
    assert (len(first.requests), len(second.requests)) == (1, 0)
    assert RunAttempt.objects.get(run=run).target == FIRST


@pytest.mark.parametrize(
    "delta",
    [
        {"reasoning_content": "Hm"},
        {"refusal": "I can't"},
        {"tool_calls": [{"index": 0, "id": "c", "function": {"name": "f", "arguments": "{}"}}]},
    ],
)
def test_thoughts_refusals_and_tool_calls_are_content(
    answered: Answered, ann: Account, first: FakeUpstream, second: FakeUpstream, delta: dict[str, Any]
) -> None:
    builders.upstreams.target(first, "first")
    builders.upstreams.target(second, "second", priority=2)
    first.script(Reply((event({"choices": [{"index": 0, "delta": delta}]}), Act.CUT)))
    run = builders.runs.start(ann, is_streamed=True)

    answered(run)

    assert inspection.state(run)[0] == "failed"
    assert second.requests == []


def test_a_run_that_begins_anew_leaves_out_the_target_that_broke_off(
    answered: Answered, ann: Account, first: FakeUpstream, second: FakeUpstream
) -> None:
    builders.upstreams.target(first, "first")
    builders.upstreams.target(second, "second", priority=2)
    first.script(says("Hel", "lo").cut_after(2))
    second.script(says("Whole."))
    run = builders.runs.start(ann)

    answered(run)
    assert inspection.state(run) == ("queued", 1, 1, "")
    answered(run)

    assert inspection.state(run) == ("completed", 2, 1, "")
    assert inspection.answer(run) == "Whole."
    assert (len(first.requests), len(second.requests)) == (1, 1)
    told = RunAttempt.objects.filter(run=run).order_by("number").values_list("outcome", "target", "moves")
    assert [(outcome, target, bool(moved)) for outcome, target, moved in told] == [
        ("lost", FIRST, True),
        ("completed", SECOND, False),
    ]


def test_the_last_target_gets_what_is_left_of_the_retries(
    answered: Answered, first: FakeUpstream, second: FakeUpstream
) -> None:
    builders.upstreams.target(first, "first")
    builders.upstreams.target(second, "second", priority=2)
    now = {"Retry-After": "0"}
    first.script(fails(500, headers=now))
    second.script(fails(500, headers=now), says("Here."))

    run = answered()

    assert inspection.answer(run) == "Here."
    assert (len(first.requests), len(second.requests)) == (1, 2)


def test_a_run_that_no_target_answers_fails_as_with_one(
    answered: Answered, first: FakeUpstream, second: FakeUpstream
) -> None:
    builders.upstreams.target(first, "first")
    builders.upstreams.target(second, "second", priority=2)
    now = {"Retry-After": "0"}
    first.script(fails(500, headers=now))
    second.script(*[fails(401)])

    run = answered()

    assert inspection.state(run) == ("failed", 1, 0, "upstream_failed")
    assert inspection.moves(run) == [(FIRST, "unavailable", 500), (SECOND, "key_refused", 401)]
    assert (len(first.requests), len(second.requests)) == (1, 1)


def test_no_more_than_five_targets_are_asked(answered: Answered, first: FakeUpstream) -> None:
    for number in range(1, 9):
        builders.upstreams.target(first, f"key-{number}", priority=number)
    first.default = lambda _: fails(500)

    run = answered()

    assert inspection.state(run)[0] == "failed"
    assert len(first.requests) == 5
    assert [target for target, _, _ in inspection.moves(run)] == [
        f"openai / key-{number} / gpt-4" for number in range(1, 6)
    ]


def test_a_target_of_the_same_refused_key_is_not_asked(
    answered: Answered, first: FakeUpstream, second: FakeUpstream
) -> None:
    one = builders.upstreams.target(first, "first")
    targets.save(type(one)(model="gpt-4", key=one.key, upstream_model="gpt-4o", priority=2))
    builders.upstreams.target(second, "second", priority=3)
    first.script(fails(401))

    run = answered()

    assert inspection.state(run)[0] == "completed"
    assert (len(first.requests), len(second.requests)) == (1, 1)


def test_the_prompt_is_built_for_the_target_that_is_asked(
    answered: Answered, ann: Account, first: FakeUpstream, second: FakeUpstream
) -> None:
    builders.upstreams.target(first, "first", context_window=1_000_000)
    builders.upstreams.target(second, "second", priority=2, context_window=400, upstream_model="small")
    words = "word " * 300
    builders.runs.answered(ann, words, words)
    first.script(fails(500))

    answered(builders.runs.start(ann, "And now?"))

    assert [message["content"] for message in first.requests[0].messages] == [words, words, "And now?"]
    assert [message["content"] for message in second.requests[0].messages] == ["And now?"]
    assert (first.requests[0].body["model"], second.requests[0].body["model"]) == ("gpt-4", "small")


def test_a_prompt_too_long_for_one_target_goes_only_to_a_larger_one(
    answered: Answered, first: FakeUpstream, second: FakeUpstream
) -> None:
    too_long = fails(400, "maximum context length", code="context_length_exceeded")
    builders.upstreams.target(first, "first", context_window=8_000)
    builders.upstreams.target(first, "same", context_window=8_000, priority=2)
    builders.upstreams.target(second, "second", context_window=9_000, priority=3)
    first.script(too_long)

    run = answered()

    assert inspection.state(run)[0] == "completed"
    assert (len(first.requests), len(second.requests)) == (1, 1)
    assert inspection.moves(run) == [(FIRST, "context_too_long", 400)]


def test_echo_and_redis_away_need_no_board(ann: Account, process: WorkerProcess, valkey: redis.Redis) -> None:
    run = builders.runs.start(ann)
    Run.objects.filter(pk=run.pk).update(model="echo")
    claimed = builders.runs.claim(run, worker_id=process.worker_id)
    attempt = Attempt(claimed, process.name, builders.runs.live_log(valkey, run))

    with process.track(run_id=run.pk, deadline_seconds=600) as handle:
        settle(attempt, asking_module.ask(attempt, process=process, handle=handle))

    assert inspection.state(run)[0] == "completed"
    assert RunAttempt.objects.get(run=run).target == "echo / echo / echo"
    assert list(valkey.scan_iter(f"{scripts.PREFIX}*")) == []


def test_a_stopped_run_asks_no_further_target(
    answered: Answered, ann: Account, process: WorkerProcess, first: FakeUpstream, second: FakeUpstream
) -> None:
    builders.upstreams.target(first, "first")
    builders.upstreams.target(second, "second", priority=2)
    first.script(says("Never").silent())
    run = builders.runs.start(ann)
    ActiveRun.objects.filter(pk=run.pk).update(cancel_requested_at="2026-01-01T00:00:00Z")

    stopped = threading.Event()

    def monitor() -> None:
        first.wait_for_requests(1)
        while not stopped.wait(0.01):
            process.tick(next_heartbeat=float("inf"))

    thread = threading.Thread(target=monitor)
    thread.start()
    answered(run)
    stopped.set()
    thread.join()

    assert inspection.state(run)[0] == "cancelled"
    assert second.requests == []
    assert inspection.moves(run) == []


def test_what_a_vendor_sent_is_counted_for_others(
    answered: Answered, first: FakeUpstream, process: WorkerProcess, valkey: redis.Redis
) -> None:
    builders.upstreams.target(first, "first")

    answered()
    process.board.exchange()

    (minute,) = valkey.scan_iter(f"{scripts.PREFIX}minute:*")
    assert sorted(valkey.hvals(minute)) == [b"0", b"1"]
