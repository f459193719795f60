import pytest
from django.test import RequestFactory

from conversations import errors
from conversations.rules.json_size import MAX_VALUES
from conversations.views.bodies import request_body

REQUEST = RequestFactory().post("/x")


@pytest.mark.parametrize("body", [b'{"a": 1}', b'\xef\xbb\xbf{"a": 1}'])
def test_reads_an_object_with_a_byte_order_mark_or_without(body: bytes) -> None:
    assert request_body.json_object(bytearray(body), REQUEST) == {"a": 1}


@pytest.mark.parametrize("body", [b"[]", b'"a"', b"1", b"null", b"", b"\xef\xbb\xbf", b"{", b'{"a": "\xff"}'])
def test_refuses_everything_else(body: bytes) -> None:
    with pytest.raises(errors.InvalidRequest):
        request_body.json_object(bytearray(body), REQUEST)


def test_does_not_read_what_would_become_too_many_objects() -> None:
    body = bytearray(b'{"messages":[' + b"[]," * MAX_VALUES + b"[]]}")

    with pytest.raises(errors.InvalidRequest, match="more than 500000 JSON values"):
        request_body.json_object(body, REQUEST)
