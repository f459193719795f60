from datetime import UTC, datetime
from typing import Any

import pytest
from rest_framework import serializers

from conversations import errors
from conversations.views.api.pages import PageParameters
from conversations.views.bodies import parameters
from conversations.views.bodies.fields import TextField


class Parameters(PageParameters):
    kind = parameters.ChoiceField(["small", "large"], required=False)
    since = parameters.TimeField(required=False)
    name = TextField(required=False)


SERIALIZER: serializers.Serializer[Any] = Parameters()


def test_reads_what_is_given_and_the_defaults() -> None:
    assert parameters.read(SERIALIZER, {}) == {"limit": 20}
    assert parameters.read(SERIALIZER, {"limit": "7", "kind": "large", "name": " ", "unknown": "x"}) == {
        "limit": 7,
        "kind": "large",
        "name": " ",
    }


@pytest.mark.parametrize("limit", ["1", "100", "007"])
def test_takes_a_limit_of_ascii_digits(limit: str) -> None:
    assert parameters.read(SERIALIZER, {"limit": limit})["limit"] == int(limit)


@pytest.mark.parametrize("limit", ["0", "101", "-1", "+1", "x", "", " 1", "1.0", "٣", "9" * 5000])
def test_refuses_any_other_limit(limit: str) -> None:
    with pytest.raises(errors.InvalidRequest) as refused:
        parameters.read(SERIALIZER, {"limit": limit})

    assert (refused.value.message, refused.value.param) == ("limit must be a whole number from 1 to 100", "limit")


@pytest.mark.parametrize("kind", ["", "Small", "small "])
def test_refuses_an_unknown_choice(kind: str) -> None:
    with pytest.raises(errors.InvalidRequest) as refused:
        parameters.read(SERIALIZER, {"kind": kind})

    assert (refused.value.message, refused.value.param) == ("kind must be one of small, large", "kind")


@pytest.mark.parametrize(
    "text",
    [
        "2026-05-04T03:02:01Z",
        "2026-05-04T03:02:01",
        "2026-05-04 03:02:01",
        "2026-05-04T05:02:01+02:00",
        "2026-05-04T05:02:01 02:00",
        "20260504T030201",
    ],
)
def test_reads_a_time_in_utc(text: str) -> None:
    at = parameters.read(SERIALIZER, {"since": text})["since"]

    assert at == datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
    assert at.tzinfo is UTC


@pytest.mark.parametrize("text", ["", "yesterday", "1777863721", "0001-01-01T00:00:00+01:00"])
def test_refuses_what_is_no_time(text: str) -> None:
    with pytest.raises(errors.InvalidRequest) as refused:
        parameters.read(SERIALIZER, {"since": text})

    assert (refused.value.message, refused.value.param) == ("since must be a time in ISO 8601", "since")


def test_the_first_parameter_that_is_wrong_is_refused() -> None:
    with pytest.raises(errors.InvalidRequest) as refused:
        parameters.read(SERIALIZER, {"since": "x", "kind": "x", "limit": "x"})

    assert refused.value.param == "limit"
