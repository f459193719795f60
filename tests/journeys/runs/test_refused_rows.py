"""Journey: the database refuses a row of a turn. That turn fails at once, and nobody else notices."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from conversations.models.runs.workers import LEASE_SECONDS
from tests.fakes.replies import Reply, chunk, fails, says, streams
from tests.fakes.upstream import FakeUpstream
from tests.journeys.clients import progress
from tests.journeys.clients.aichat import SSE, Api, new_id
from tests.journeys.conftest import VENDOR_KEY
from tests.journeys.rows import Rows
from tests.journeys.service import Service
from tests.waiting import eventually

# The run ends at once: before its worker could be taken for dead.
AT_ONCE_SECONDS = LEASE_SECONDS
RECOVERY_SECONDS = 30.0


@pytest.fixture(scope="module")
def own_service(tmp_path_factory: pytest.TempPathFactory, vendor: FakeUpstream) -> Iterator[Service]:
    """A service whose worker may be killed."""
    env = {"OPENAI_API_KEY": VENDOR_KEY, "OPENAI_BASE_URL": vendor.base_url}
    with (
        Service(data_dir=tmp_path_factory.mktemp("refusing") / "var", env=env) as running,
        progress.reporting(vendor, running),
    ):
        yield running


def test_no_answer_keeps_a_run_from_ending(
    own_service: Service, own_api: Api, own_rows: Rows, upstream: FakeUpstream
) -> None:
    """U+0000, which no column accepts, is replaced or refused; in both cases the run ends."""
    thread = new_id()
    upstream.on_text("poison", says("Be", "fore\0after"))
    upstream.on_text("patience", says("Here", " I am.").silent())
    active = "SELECT status FROM conversations_activerun"

    own_api.ask("poison", id=thread)
    eventually(lambda: own_rows.all(active), lambda runs: runs == [], within=AT_ONCE_SECONDS)
    assert own_api.answer("And now?", id=thread)["answer"].endswith("And now?")

    own_api.ask("poison", stateful=True, accept=SSE)
    asked = threading.Thread(target=lambda: said.append(own_api.answer("patience")["answer"]))
    said: list[str] = []
    asked.start()
    eventually(lambda: "patience" in str(upstream.requests[-1].body), bool)
    own_service.kill("worker")
    upstream.release()
    asked.join(RECOVERY_SECONDS)

    assert said == ["Here I am."]
    assert own_rows.all(active) == []
    assert "uvicorn.access" not in own_service.log


def nested(levels: int) -> Any:
    return {"y": nested(levels - 1)} if levels else "x"


@pytest.mark.parametrize("accept", ["", SSE])
@pytest.mark.parametrize(
    "reply",
    [
        says("Hel", "lo", usage={"prompt_tokens": 10**30, "completion_tokens": 1}),
        says("Hel", "lo", of_call={"system_fingerprint": nested(300)}),
        streams(chunk({"content": "Hel"}), chunk({"content": "lo"}, choice=40_000, finish="stop"), "[DONE]"),
        streams(r'{"choices":[{"index":0,"delta":{"content":"\ud83d"},"finish_reason":"sto\u0000p"}]}', "[DONE]"),
        says("Hel", "lo").with_headers(x_request_id="r" * 300),
        fails(400, "No\0 " + "x" * 100_000, code="c\0" * 500),
    ],
    ids=["1e30 tokens", "300 deep", "choice 40000", "surrogates", "a long id", "a long error"],
)
def test_nothing_that_a_vendor_sends_harms_the_next_run(
    own_api: Api, own_rows: Rows, upstream: FakeUpstream, reply: Reply, accept: str
) -> None:
    """The answer is stored as far as possible, or the run fails; the same worker then streams the next answer."""
    thread = new_id()
    upstream.on_text("odd", reply)
    upstream.on_text("next", says("One ", "two ", "three.").apart())

    run = own_rows.ended(own_api.ask("odd", id=thread, accept=accept))
    response = own_api.ask("next", id=thread, accept=SSE)

    assert run["status"] in ("completed", "failed")
    assert (run["finished_at"] - run["claimed_at"]).total_seconds() < AT_ONCE_SECONDS
    assert '"One "' in response.text
    assert response.text.count("data: ") == 4
