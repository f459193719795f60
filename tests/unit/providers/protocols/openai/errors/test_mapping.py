import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers import errors as ours
from providers.protocols.openai.errors import mapping, vendor_error

MEMBERS = ("error", "message", "msg", "detail", "code", "type", "param", "metadata", "reasons", "base_resp", "status")
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(MEMBERS) | st.text(), inner, max_size=4)
    ),
)


def error_for(status: int, body: Any = None, secret: str = "sk-secret") -> ours.ProviderError:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return mapping.from_response(
        status=status, body=raw, display_name="OpenAI", secret=secret, retry_after=2.0, request_id="req"
    )


def openai_error(message: str, code: Any = None, kind: str = "invalid_request_error") -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": "messages", "code": code}}


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (301, ours.UpstreamGarbled),
        (400, ours.UpstreamRejected),
        (401, ours.UpstreamAuthFailed),
        (402, ours.UpstreamAuthFailed),
        (403, ours.UpstreamAuthFailed),
        (404, None),
        (408, ours.UpstreamTimeout),
        (413, ours.RequestTooLarge),
        (415, ours.UpstreamRejected),
        (422, ours.UpstreamRejected),
        (429, ours.UpstreamRateLimited),
        (500, ours.UpstreamUnavailable),
        (503, ours.UpstreamUnavailable),
        (529, ours.UpstreamUnavailable),
    ],
)
@pytest.mark.parametrize("body", [openai_error("Nope."), b"<html>", b"", [], 7, {"error": None}])
def test_gives_every_status_its_error_whatever_the_body(status: int, kind: type | None, body: Any) -> None:
    error = error_for(status, body)

    # Only for a 404 it matters whether there is a message.
    assert type(error) is (kind or (ours.UpstreamRejected if error.message == "Nope." else ours.UpstreamGarbled))
    assert (error.status, error.retry_after, error.request_id) == (status, 2.0, "req")
    assert "<html" not in error.message


@pytest.mark.parametrize(
    ("body", "message", "code", "param"),
    [
        (openai_error("Bad n.", "bad_n"), "Bad n.", "bad_n", "messages"),
        (openai_error("Bad n."), "Bad n.", "invalid_request_error", "messages"),
        ({"error": "model not found"}, "model not found", None, None),
        ({"detail": "Bad."}, "Bad.", None, None),
        ({"detail": [{"loc": ["n"]}]}, '[{"loc":["n"]}]', None, None),
        ({"message": "Bad.", "code": 7}, "Bad.", "7", None),
        ({"error": {"msg": "Bad."}}, "Bad.", None, None),
        ([{"error": {"message": "Bad.", "code": 400}}], "Bad.", "400", None),
        (
            {"error": "Bad.", "code": "Client specified an invalid argument"},
            "Bad.",
            "Client specified an invalid argument",
            None,
        ),
        ({"error": "Bad Request", "message": "Bad."}, "Bad.", None, None),
        ({"error": True, "message": "Bad."}, "Bad.", None, None),
        ({"error_code": 336003, "error_msg": "Bad."}, "Bad.", "336003", None),
        ({"base_resp": {"status_code": 2013, "status_msg": "Bad."}}, "Bad.", "2013", None),
        ({"error": {"message": "Bad.", "code": 400.0, "param": ["n"]}}, "Bad.", "400", None),
        ({"error": {"message": "Bad.", "code": {"a": 1}, "type": True, "param": {}}}, "Bad.", None, None),
        (b"<html>Bad Request</html>", "OpenAI rejected the request (HTTP 400).", None, None),
        ({}, "OpenAI rejected the request (HTTP 400).", None, None),
    ],
)
def test_reads_the_vendors_message_in_every_shape(body: Any, message: str, code: str | None, param: str | None) -> None:
    error = error_for(400, body)

    assert (error.message, error.vendor_code, error.param) == (message, code, param)


def test_a_500_is_not_about_the_context_whatever_it_says() -> None:
    assert type(error_for(500, openai_error("context length exceeded"))) is ours.UpstreamUnavailable


def test_never_shows_our_key() -> None:
    error = error_for(400, openai_error("Bad header: Bearer sk-secret!"))

    assert error.message == "Bad header: Bearer [redacted]!"


def test_hides_the_vendors_message_when_the_caller_is_not_at_fault() -> None:
    words = openai_error("Incorrect API key provided: sk-se*****et. Contact billing@vendor.")

    assert [error_for(status, words).message for status in (401, 429, 500)] == [
        "OpenAI refused our credentials.",
        "OpenAI is limiting our rate.",
        "OpenAI failed (HTTP 500).",
    ]


def test_trims_a_long_message() -> None:
    assert len(error_for(400, openai_error("x" * 5000)).message) == mapping.MAX_MESSAGE_CHARACTERS


@pytest.mark.parametrize(
    ("inner", "kind"),
    [
        ({"message": "x", "code": 429}, ours.UpstreamRateLimited),
        ({"message": "x", "code": "502"}, ours.UpstreamUnavailable),
        ({"message": "x", "code": "rate_limit_exceeded"}, ours.UpstreamRateLimited),
        ({"message": "x", "type": "invalid_request_error"}, ours.UpstreamRejected),
        ({"message": "x", "type": "invalid_request_error", "code": "context_length_exceeded"}, ours.ContextTooLong),
        ({"message": "maximum context length is 5"}, ours.ContextTooLong),
        ({"message": "x", "type": "authentication_error"}, ours.UpstreamAuthFailed),
        ({"message": "x", "code": "insufficient_quota"}, ours.UpstreamAuthFailed),
        ({"message": "x", "type": "insufficient_quota", "code": 429}, ours.UpstreamAuthFailed),
        ({"message": "x", "code": "credit_balance_exhausted", "type": "rate_limit_error"}, ours.UpstreamAuthFailed),
        ({"message": "x", "type": "server_error"}, ours.UpstreamUnavailable),
        ({"message": "x", "code": 7}, ours.UpstreamUnavailable),
        ("overloaded", ours.UpstreamUnavailable),
    ],
)
def test_maps_an_error_object_inside_a_200(inner: Any, kind: type) -> None:
    assert type(mapping.from_payload({"error": inner}, display_name="V")) is kind


@pytest.mark.parametrize(
    ("body", "message", "code"),
    [
        (b'{"error": {"message": "a\x00b\\u0000c", "code": "d\\u0000"}}', "a\ufffdb\ufffdc", "d\ufffd"),
        (b'{"error": {"message": "a\\ud83d", "code": "\\ud83d\\ude00"}}', "a\ufffd", "\U0001f600"),
        (b'{"error": {"message": "a\xf0\x9f", "code": 1' + b"0" * 5000 + b"}}", "a\ufffd", None),
        (b'{"error": {"message": ["\\ud83d", NaN, 1e999]}}', '["\ufffd",null,null]', None),
        (b'{"error": {"message": ' + b"[" * 300 + b"]" * 300 + b"}}", None, None),
        (b'{"error": ' + b"[" * 100_000, "OpenAI rejected the request (HTTP 400).", None),
        (b'{"error": {"message": "x", "code": "' + b"9" * 100_000 + b'"}}', "x", "9" * 100),
        (b'{"error": {"message": "' + "\u4f60".encode() * 20_000 + b'"}}', "\u4f60" * 1000, None),
    ],
)
def test_reads_whatever_a_vendor_sends(body: bytes, message: str | None, code: str | None) -> None:
    error = error_for(400, body)

    assert message is None or error.message == message
    assert error.vendor_code == code
    json.dumps([error.message, error.vendor_code]).encode()
    assert len(error.message) <= mapping.MAX_MESSAGE_CHARACTERS


@given(body=st.binary(max_size=200) | st.builds(lambda value: json.dumps(value).encode(), ANY_JSON))
@pytest.mark.parametrize("status", [400, 403, 404, 429, 500])
def test_never_raises_and_returns_only_what_can_be_stored(status: int, body: bytes) -> None:
    error = error_for(status, body)

    for word in (error.message, error.vendor_code, error.param):
        assert word is None or (len(word) <= mapping.MAX_MESSAGE_CHARACTERS and "\x00" not in word)
        (word or "").encode()
    assert max(len(error.vendor_code or ""), len(error.param or "")) <= vendor_error.MAX_WORD_CHARACTERS


@given(payload=st.dictionaries(st.sampled_from(MEMBERS), ANY_JSON))
def test_reads_any_payload(payload: dict[str, Any]) -> None:
    assert isinstance(mapping.from_payload(payload, display_name="V"), ours.ProviderError)


def test_never_shows_our_key_wherever_the_vendor_writes_it() -> None:
    error = error_for(400, {"error": {"message": "x", "code": "bad sk-secret", "param": "sk-secret"}})

    assert (error.vendor_code, error.param) == ("bad [redacted]", "[redacted]")


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (
            "Project `proj_JMo3Q9spNIEWhSxusokLegJY` does not have access to model `m`",
            "Project `[redacted]` does not have access to model `m`",
        ),
        (
            "Content violates usage guidelines. Team: 0a1b-2c3d, API key ID: 93b-77, Model: grok-4",
            "Content violates usage guidelines. Team: [redacted], API key ID: [redacted], Model: grok-4",
        ),
        ("tools[0].function.name 'org_lookup_v2_of_anything' is odd", None),
    ],
)
def test_keeps_the_names_of_the_operators_account_from_the_caller(said: str, shown: str | None) -> None:
    assert error_for(400, openai_error(said)).message == (shown or said)
