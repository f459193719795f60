"""Conformance: each SDK retries what can succeed later, and nothing else."""

import pytest

from tests.conformance.sdks import Sdk
from tests.fakes.replies import fails, says
from tests.fakes.upstream import FakeUpstream
from tests.journeys.clients.aichat import MODEL, new_id, user
from tests.journeys.rows import Rows

pytestmark = pytest.mark.conformance

HI = [user("Hi")]
# This service asks a vendor so often before it answers with an error.
OUR_ATTEMPTS = 3
RETRY_AFTER = 1.0


def test_a_500_is_retried(sdk: Sdk, upstream: FakeUpstream, rows: Rows) -> None:
    upstream.script(*[fails(500)] * OUR_ATTEMPTS, says("at last"))
    before = rows.counts()

    result = sdk.ask("chat", model=MODEL, messages=HI)

    assert result["choices"][0]["content"] == "at last"
    assert result["http_requests"] == 2
    assert len(upstream.requests) == OUR_ATTEMPTS + 1
    assert rows.counts()["conversation"] == before["conversation"]


def test_a_stream_that_cannot_begin_is_retried(sdk: Sdk, upstream: FakeUpstream) -> None:
    upstream.script(*[fails(500)] * OUR_ATTEMPTS, says("at last"))

    result = sdk.ask("stream", model=MODEL, messages=HI)

    assert (result["texts"], result["http_requests"]) == ({"0": "at last"}, 2)
    assert len(upstream.requests) == OUR_ATTEMPTS + 1


def test_a_429_is_retried_after_the_time_it_names(sdk: Sdk, upstream: FakeUpstream) -> None:
    """An SDK that had not read Retry-After would be back within half a second."""
    limited = fails(429, headers={"Retry-After": str(round(RETRY_AFTER))})
    upstream.script(*[limited] * OUR_ATTEMPTS, says("at last"))

    result = sdk.ask("chat", model=MODEL, messages=HI)

    assert result["choices"][0]["content"] == "at last"
    assert result["http_requests"] == 2
    assert len(upstream.requests) == OUR_ATTEMPTS + 1
    assert upstream.requests[-1].at - upstream.requests[-2].at >= RETRY_AFTER


def test_a_vendor_that_wants_money_is_not_retried(sdk: Sdk, upstream: FakeUpstream) -> None:
    upstream.on_text("Hi", fails(429, code="insufficient_quota"))

    result = sdk.ask("chat", model=MODEL, messages=HI)

    assert (result["error"]["class"], result["http_requests"]) == ("InternalServerError", 1)
    assert len(upstream.requests) == 1


def test_a_failed_request_is_asked_again_under_its_key(sdk: Sdk, upstream: FakeUpstream) -> None:
    """The SDK repeats a request with the key that its user gave."""
    upstream.script(*[fails(500)] * OUR_ATTEMPTS, says("at last"))

    result = sdk.ask("chat", headers={"Idempotency-Key": new_id()}, model=MODEL, messages=HI)

    assert (result["choices"][0]["content"], result["http_requests"]) == ("at last", 2)
