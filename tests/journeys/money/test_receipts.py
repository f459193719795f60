"""Journey: what receipts and dry runs say of a turn whose account cannot pay for every answer."""

import pytest

from tests.fakes.replies import Json
from tests.fakes.upstream import FakeUpstream
from tests.journeys.clients.aichat import user
from tests.journeys.clients.openai import ROUTE
from tests.journeys.clients.receipts import receipt
from tests.journeys.money.conftest import MODEL, OpenPayer


@pytest.mark.parametrize(
    ("options", "name"),
    [({}, "max_completion_tokens"), ({"max_tokens": 5_000}, "max_tokens")],
    ids=["unlimited", "with-the-older-name"],
)
def test_says_to_what_the_answer_was_limited(
    payer: OpenPayer, upstream: FakeUpstream, options: Json, name: str
) -> None:
    poor = payer("1.5")
    body = {"model": MODEL, "messages": [user("Hi")], **options}

    tried = poor.post(ROUTE, body, **{"X-Dry-Run": "true"}).json()
    run_id = poor.post(ROUTE, body).headers["X-Run-Id"]

    limit = upstream.requests[0].body[name]
    assert 256 < limit < 1_000
    assert tried["options"] == receipt(poor.api, run_id)["options"] == {name: limit}
    assert tried["reserve"] == "0.521"


def test_the_schemas_of_tools_are_reserved_for(payer: OpenPayer, upstream: FakeUpstream) -> None:
    paying = payer("10")
    parameters = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    weather = {"name": "weather", "description": "The weather of a city.", "parameters": parameters}
    body = {"model": MODEL, "messages": [user("Hi")], "tools": [{"type": "function", "function": weather}]}

    tried = paying.post(ROUTE, body, **{"X-Dry-Run": "true"}).json()
    turn = paying.post(ROUTE, body)

    # Nine tokens of the message, 42 of the tool, and 256 of an answer.
    assert (tried["reserve"], tried["estimated_tokens"]["total"]) == ("0.563", 51)
    assert paying.entries(turn)[0] == ("reserve", "0", "0.563", 0)
