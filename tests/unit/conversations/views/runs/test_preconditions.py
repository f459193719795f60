"""The headers under which a request is accepted."""

from decimal import Decimal

import pytest
from django.test import RequestFactory

from conversations.errors import InvalidRequest
from conversations.views.runs import preconditions


def max_cost(value: str) -> Decimal | None:
    request = RequestFactory().post("/v1/chat/completions", headers={"X-Max-Cost": value})
    return preconditions.read(request, body={}).max_cost


@pytest.mark.parametrize(
    ("value", "amount"),
    [(" 0.05 ", "0.05"), ("0", "0"), ("12", "12"), ("9999999999.0123456789", "9999999999.0123456789")],
)
def test_x_max_cost_is_an_amount(value: str, amount: str) -> None:
    assert max_cost(value) == Decimal(amount)


def test_without_x_max_cost_there_is_no_limit() -> None:
    assert preconditions.read(RequestFactory().post("/v1/chat/completions"), body={}).max_cost is None


WORDS = ("", " ", "-1", "1e9", "1e400", "NaN", "Infinity", "1.", ".5", "0x1", "1_0", "1,5", "0.05,0.06", "٣")


@pytest.mark.parametrize("value", [*WORDS, "1" * 11, "0." + "1" * 11, "1" * 100_000])
def test_what_is_no_amount_is_refused(value: str) -> None:
    with pytest.raises(InvalidRequest, match="X-Max-Cost"):
        max_cost(value)
