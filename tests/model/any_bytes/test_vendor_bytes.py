"""Journey: whatever bytes a vendor sends, each run ends once, and its conversation continues."""

import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.replies import Json, Reply
from tests.fakes.upstream import FakeUpstream
from tests.journeys.clients.aichat import MODEL, NDJSON, SSE, Api, new_id, user
from tests.journeys.clients.openai import ROUTE
from tests.journeys.rows import Rows
from tests.journeys.service import Service
from tests.model.any_bytes import vendor_bytes
from tests.model.any_bytes.mutation import KNOWN, NEW, assert_well
from tests.model.any_bytes.vendor_bytes import shown
from tests.waiting import eventually

FORMS = ("", NDJSON, SSE, "openai", "openai stream")
STATUSES = (200, 400, 403, 404, 429, 500, 503, 504)
# SDKs obey Retry-After: nobody may be told to wait longer than a day.
LONGEST_RETRY_AFTER = 86_400
# A vendor that is silent, for example before the end of its Content-Length, is given up after this.
READ_TIMEOUT = "2"
MAX_ATTEMPTS = "2"
# A run takes seconds; this only separates a run that hangs from a slow machine.
PATIENCE_SECONDS = 60.0
AT_ONCE = 12
# The longest a run may take. Not asserted in `make test`, where the machine may be slow.
PROMISED = timedelta(seconds=10)
numbers = itertools.count(1)


@dataclass(frozen=True)
class Runtime:
    service: Service
    api: Api
    upstream: FakeUpstream
    rows: Rows


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runtime]:
    with FakeUpstream() as upstream:
        env = {
            "OPENAI_API_KEY": "sk-vendor",
            "OPENAI_BASE_URL": upstream.base_url,
            "UPSTREAM_READ_TIMEOUT": READ_TIMEOUT,
            "RUN_MAX_ATTEMPTS": MAX_ATTEMPTS,
        }
        with (
            Service(data_dir=tmp_path_factory.mktemp("bytes") / "var", env=env) as service,
            Rows.of(service) as rows,
        ):
            yield Runtime(service, Api(service.base_url, service.api_key), upstream, rows)


many_exchanges = st.lists(
    st.tuples(vendor_bytes.replies(), st.sampled_from(FORMS)), min_size=AT_ONCE // 2, max_size=AT_ONCE
)


@pytest.mark.timeout(600)
def test_a_run_ends_once_whatever_its_vendor_sends(runtime: Runtime) -> None:
    _try_many(runtime, settings(KNOWN, max_examples=12))


@pytest.mark.faults
@pytest.mark.timeout(3600)
def test_a_run_ends_once_whatever_else_its_vendor_sends(runtime: Runtime) -> None:
    _try_many(runtime, settings(NEW, max_examples=120))
    (longest,) = runtime.rows.all("SELECT max(finished_at - created_at) AS took FROM conversations_run")
    assert longest["took"] < PROMISED


def _try_many(runtime: Runtime, profile: settings) -> None:
    # One example is several exchanges at once, because one broken answer must not harm others.
    given(many_exchanges)(settings(profile)(lambda exchanges: _try(runtime, exchanges)))()
    assert_well(runtime.service)


def _try(runtime: Runtime, sent: list[tuple[Reply, str]]) -> None:
    runtime.upstream.reset()
    with ThreadPoolExecutor(AT_ONCE) as threads:
        for problem in threads.map(lambda exchange: _problem(runtime, *exchange), sent):
            assert not problem, problem


def _problem(runtime: Runtime, reply: Reply, form: str) -> str:
    """What is wrong with the outcome of one exchange; "" when nothing is."""
    thread, question = new_id(), f"Question {next(numbers)}."
    runtime.upstream.on_text(question, reply)
    try:
        response = _ask(runtime.api, question, thread=thread, form=form)
    except requests.RequestException as exc:
        return f"{type(exc).__name__}: {form!r} {shown(reply)}"
    run = eventually(
        lambda: runtime.rows.run(response), lambda run: run["finished_at"] is not None, within=PATIENCE_SECONDS
    )
    answer = _ask(runtime.api, "And now?", thread=thread, form="")
    problems = {
        "status": response.status_code not in STATUSES,
        "a server error for an answer": response.status_code != 200 and run["status"] == "completed",
        "an answer for an error": response.status_code == 200 and "stream" not in form and not form and _failed(run),
        "a Retry-After of years": int(response.headers.get("Retry-After", 0)) > LONGEST_RETRY_AFTER,
        "ended more than once": len(_attempts(runtime.rows, run)) != run["attempt"],
        "several answers": len(_first_answers(runtime.rows, run)) > 1,
        "the conversation is stuck": answer.status_code != 200,
    }
    found = [problem for problem, is_there in problems.items() if is_there]
    facts = f"{form!r} {shown(reply)} → {response.status_code} {response.text[:300]!r}; {run['status']}"
    return f"{found}: {facts}; then {answer.status_code} {answer.text[:300]}" if found else ""


def _failed(run: Json) -> bool:
    return run["status"] not in ("completed", "incomplete")


def _ask(api: Api, question: str, *, thread: str, form: str) -> requests.Response:
    if not form.startswith("openai"):
        return api.ask(question, id=thread, accept=form)
    body = {"model": MODEL, "messages": [user(question)], "stream": form != "openai"}
    headers = {**api.headers, "X-Conversation-Id": thread}
    return requests.post(api.base_url + ROUTE, json=body, headers=headers, timeout=PATIENCE_SECONDS)


def _attempts(rows: Rows, run: Json) -> list[Json]:
    return rows.all("SELECT number FROM conversations_runattempt WHERE run_id = %s", run["id"])


def _first_answers(rows: Rows, run: Json) -> list[Json]:
    sql = "SELECT id FROM conversations_message WHERE run_id = %s AND role = 'assistant' AND choice = 0"
    return rows.all(sql, run["id"])
