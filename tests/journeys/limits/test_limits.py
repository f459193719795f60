"""Journey: a service with short timeouts: silence, deadlines, queues, a stuck worker, and a restart."""

import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tests.fakes.replies import Reply, says
from tests.fakes.upstream import PATIENCE_SECONDS, FakeUpstream
from tests.journeys.clients.aichat import NDJSON, Api, assistant, new_id, refusal, system, user
from tests.journeys.conftest import VENDOR_KEY
from tests.journeys.rows import Rows
from tests.journeys.service import Service
from tests.waiting import eventually

READ_TIMEOUT, DEADLINE, QUEUE_WAIT = 2.0, 5.0, 4.0
# Between two words of a vendor that is slow and never silent for long, on a busy machine too.
PAUSE_SECONDS = 0.1
# Without a deadline the answer would take this long.
SLOW_SECONDS = 30.0
TIMED_OUT = "The model did not answer in time."
TOO_LONG = "The answer took longer than this service allows."


@pytest.fixture(scope="module")
def own_service(tmp_path_factory: pytest.TempPathFactory, vendor: FakeUpstream) -> Iterator[Service]:
    env = {
        "OPENAI_API_KEY": VENDOR_KEY,
        "OPENAI_BASE_URL": vendor.base_url,
        "DEFAULT_VENDOR": "openai",
        "PARLEY_API_KEY": "sk-given-by-the-operator",
        "UPSTREAM_READ_TIMEOUT": str(READ_TIMEOUT),
        "RUN_DEADLINE": str(DEADLINE),
        "QUEUE_WAIT": str(QUEUE_WAIT),
        "DRAIN_SECONDS": "0.3",
    }
    with Service(data_dir=tmp_path_factory.mktemp("limits") / "var", env=env) as running:
        yield running


def slow(text: str, *, seconds: float) -> Reply:
    """A reply of SLOW_SECONDS that is never silent for as long as the read timeout."""
    return says(*[text] * round(seconds / PAUSE_SECONDS)).delayed(PAUSE_SECONDS)


def test_a_silent_vendor_is_a_timeout(own_api: Api, upstream: FakeUpstream) -> None:
    """The vendor is silent before its headers, its first byte or its first word; for JSON and for streams."""
    upstream.on_text("no headers", says("x").silent())
    upstream.on_text("no byte", says("x").stalled_after(0))
    upstream.on_text("no word", says("x").stalled_after(1))
    asked = [(question, accept) for question in ("no headers", "no byte", "no word") for accept in ("", NDJSON)]
    began = time.monotonic()

    with ThreadPoolExecutor(len(asked)) as threads:
        responses = list(threads.map(lambda pair: own_api.ask(pair[0], accept=pair[1]), asked))

    assert [refusal(response) for response in responses] == [(504, "timeout", TIMED_OUT)] * 6
    assert time.monotonic() - began >= READ_TIMEOUT
    assert len(upstream.requests) == 6
    assert all(request.disconnected.wait(PATIENCE_SECONDS) for request in upstream.requests)


def test_a_vendor_that_falls_silent_ends_the_stream_with_an_error(own_api: Api, upstream: FakeUpstream) -> None:
    thread = new_id()
    upstream.script(says("One"), says("Hel", "lo").stalled_after(2), says("Three"))
    own_api.answer("1", id=thread)

    *_, last = own_api.lines("2", id=thread)
    own_api.answer("3", id=thread)

    assert (last["answer"], last["error"]) == ("Hel", {"code": "timeout", "message": TIMED_OUT})
    assert upstream.requests[2].messages == [user("1"), assistant("One"), user("3")]


def test_the_deadline_ends_an_answer_with_what_there_is(own_api: Api, upstream: FakeUpstream, own_rows: Rows) -> None:
    """The words so far are the answer; without any it is a timeout."""
    thread = new_id()
    upstream.on_text("Talk", slow("word ", seconds=SLOW_SECONDS))
    upstream.on_text("Mumble", slow("", seconds=SLOW_SECONDS))

    with ThreadPoolExecutor(2) as threads:
        mumbling = threads.submit(own_api.ask, "Mumble", stateful=True)
        talking = own_api.ask("Talk", id=thread, accept=NDJSON)
        mumbled = mumbling.result()

    run = own_rows.ended(talking)
    last = json.loads(talking.content.rstrip(b"\r\n").split(b"\r\n")[-1])
    assert DEADLINE <= (run["finished_at"] - run["claimed_at"]).total_seconds() < SLOW_SECONDS
    assert last.keys() == {"answer", "delta_answer", "id"}
    assert last["answer"].startswith("word word ")
    assert (run["status"], run["error_code"]) == ("incomplete", "deadline_exceeded")
    assert refusal(mumbled) == (504, "timeout", TOO_LONG)
    assert own_rows.run(mumbled)["status"] == "failed"
    assert all(request.disconnected.wait(PATIENCE_SECONDS) for request in upstream.requests)
    own_api.answer("Go on", id=thread)
    assert upstream.requests[2].messages == [user("Talk"), assistant(last["answer"]), user("Go on")]


def test_a_turn_that_waited_too_long_is_refused_as_busy(own_api: Api, upstream: FakeUpstream, own_rows: Rows) -> None:
    """One turn is held as if its worker were stuck; the turns after it are given up with an error."""
    thread = new_id()
    first = own_api.answer("1", id=thread)
    held = own_rows.change(
        "WITH held AS (UPDATE conversations_run r SET finished_at = NULL FROM conversations_conversation c "
        "WHERE c.id = r.conversation_id AND c.public_id = %s RETURNING r.id, r.account_id, r.conversation_id) "
        "INSERT INTO conversations_activerun (run_id, account_id, conversation_id, status, worker_id) "
        "SELECT held.*, 'in_progress', (SELECT max(id) FROM conversations_worker WHERE queue = 'runs') FROM held",
        thread,
    )

    refused = own_api.ask("2", id=thread)
    own_rows.change(
        "WITH gone AS (DELETE FROM conversations_activerun WHERE status = 'in_progress' RETURNING run_id) "
        "UPDATE conversations_run SET finished_at = now() FROM gone WHERE id = run_id"
    )
    own_api.answer("3", id=thread)

    assert held == 1
    assert refusal(refused) == (409, "busy", "The message waited too long for its turn.")
    assert len(upstream.requests) == 2
    assert upstream.requests[1].messages == [user("1"), assistant(first["answer"]), user("3")]


def test_a_name_outside_the_catalogue_goes_to_the_default_vendor(own_api: Api, upstream: FakeUpstream) -> None:
    own_api.answer("Hello", model="my-own-fine-tune:v1")

    assert upstream.requests[0].body["model"] == "my-own-fine-tune:v1"


def test_readyz_names_a_stuck_worker_until_it_recovers(own_service: Service, own_api: Api) -> None:
    (worker,) = own_service.pids("worker")

    os.kill(worker, signal.SIGSTOP)
    try:
        unready = eventually(own_service.readiness, lambda found: found[0] != 200)
        alive = requests.get(f"{own_api.base_url}/healthz", timeout=60).status_code
    finally:
        os.kill(worker, signal.SIGCONT)

    assert unready == (503, ["worker"])
    assert alive == 200
    assert eventually(own_service.readiness, lambda found: found[0] == 200) == (200, [])


def test_a_restart_keeps_conversations_and_answers_queued_questions(
    own_service: Service, own_api: Api, upstream: FakeUpstream
) -> None:
    thread = new_id()
    upstream.script(says("Noted."), slow("", seconds=SLOW_SECONDS))
    own_api.answer("Remember 42", id=thread, preset="Be brief")
    waiting = threading.Thread(target=_ask_in_vain, args=(own_api, thread), daemon=True)
    waiting.start()
    upstream.wait_for_requests(2)

    assert own_service.stop() == 0
    # The time in which the service was down counts as waiting.
    own_service.env["QUEUE_WAIT"] = "60"
    own_service.start()
    upstream.wait_for_requests(3)
    own_api.answer("Which number?", id=thread)

    waiting.join(PATIENCE_SECONDS)
    assert not waiting.is_alive()
    begin = [system("Be brief"), user("Remember 42"), assistant("Noted."), user("Meanwhile")]
    again = assistant("4 messages; the last user message: Meanwhile")
    assert [request.messages for request in upstream.requests[1:]] == [
        begin,
        begin,
        [*begin, again, user("Which number?")],
    ]


def test_a_restart_with_the_same_key_logs_no_database_error(own_service: Service) -> None:
    assert "apikey" not in own_service.log
    assert "duplicate key" not in own_service.log


def _ask_in_vain(api: Api, thread: str) -> None:
    try:
        api.ask("Meanwhile", id=thread)
    except requests.RequestException:
        return


def test_a_revoked_operators_key_ends_the_start_with_one_line(own_service: Service, own_rows: Rows) -> None:
    own_rows.change("UPDATE conversations_apikey SET revoked_at = now()")
    own_rows.close()
    own_service.stop()

    own_service.launch()
    code = own_service.wait()

    said = own_service.log
    assert code == 1
    assert "Parley cannot start: PARLEY_API_KEY: This key is taken or was revoked; choose another one." in said
    assert "Traceback" not in said
