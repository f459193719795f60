import pytest
from django.test import RequestFactory

from conversations import errors
from conversations.values.runs import Format
from conversations.views.api import stream_parameters


def read(query: str = "", **headers: str) -> tuple[Format, int]:
    return stream_parameters.read(RequestFactory().get(f"/?{query}", headers=headers))


@pytest.mark.parametrize(
    ("query", "accept", "form"),
    [
        ("", "", Format.SSE),
        ("", "*/*", Format.SSE),
        ("", "application/json", Format.JSON),
        ("", "application/x-ndjson", Format.NDJSON),
        ("format=", "application/json", Format.JSON),
        ("format=sse", "application/json", Format.SSE),
        ("format=json", "", Format.JSON),
    ],
)
def test_a_format_that_is_named_comes_before_accept(query: str, accept: str, form: Format) -> None:
    assert read(query, accept=accept) == (form, 0)


@pytest.mark.parametrize(
    ("query", "last_event_id", "position"),
    [
        ("", "", 0),
        ("", "12", 12),
        ("starting_after=" + "0" * 5_000 + "7", "", 7),
        ("starting_after=3", "12", 3),
        ("starting_after=0", "x", 0),
    ],
)
def test_a_position_that_is_named_comes_before_the_header(query: str, last_event_id: str, position: int) -> None:
    headers = {"Last-Event-ID": last_event_id}

    assert read(query, **headers) == (Format.SSE, position)


@pytest.mark.parametrize(
    ("query", "last_event_id", "param", "problem"),
    [
        ("format=xml", "", "format", "must be one of json, ndjson, sse"),
        ("starting_after=", "", "starting_after", "must be a whole number from 0 to 2147483648"),
        ("starting_after=2147483649", "", "starting_after", "must be a whole number from 0 to 2147483648"),
        ("starting_after=" + "0" * 12 + "9" * 12, "", "starting_after", "must be a whole number from 0 to 2147483648"),
        ("", "x", "Last-Event-ID", "must be a whole number from 0 to 2147483648"),
        ("format=xml&starting_after=x", "", "format", "must be one of json, ndjson, sse"),
    ],
)
def test_refuses_what_it_cannot_read(query: str, last_event_id: str, param: str, problem: str) -> None:
    headers = {"Last-Event-ID": last_event_id}

    with pytest.raises(errors.InvalidRequest) as refused:
        read(query, **headers)

    assert (refused.value.message, refused.value.param) == (f"{param} {problem}", param)
