import pytest

from conversations import errors
from conversations.dialects.openai import errors as words
from conversations.errors import ParleyError

TRACE_ID = "11111111-2222-4333-8444-555555555555"
# docs/contract C.5; what it does not name has a word of ours or none.
STATUS_OF_CODE = {
    None: {400, 403, 404, 409, 412, 413, 415},
    "content_policy_violation": {400},
    "context_length_exceeded": {400},
    "invalid_api_key": {401},
    "account_deactivated": {403},
    "missing_scope": {403},
    "content_filter": {403},
    "model_not_found": {403, 404},
    "not_found": {404},
    "method_not_supported": {405},
    "conversation_busy": {409},
    "idempotency_key_in_use": {409},
    "run_cancelled": {409},
    "rate_limit_exceeded": {429},
    "insufficient_quota": {429},
    "server_error": {500},
    "server_is_overloaded": {503},
    "timeout": {504},
}


def body(error: ParleyError) -> dict[str, object]:
    found = words.body(error, trace_id=TRACE_ID)
    assert found.keys() == {"error"}
    return dict(found["error"])


def test_every_error_of_the_tree_has_words_and_nothing_else_has() -> None:
    assert words.ERROR_TABLE.keys() == errors.BY_CODE.keys()


@pytest.mark.parametrize(("status", "kind", "code"), sorted(set(words.ERROR_TABLE.values()), key=str))
def test_uses_only_codes_the_clients_know(status: int, kind: str, code: str | None) -> None:
    assert status in STATUS_OF_CODE[code]
    assert kind in ("invalid_request_error", "server_error", "rate_limit_error", "insufficient_quota")
    assert (kind == "server_error") == (status >= 500)


def test_the_body_has_exactly_the_documented_keys() -> None:
    assert body(errors.InvalidRequest("n is odd", param="n")) == {
        "message": "n is odd",
        "type": "invalid_request_error",
        "param": "n",
        "code": None,
    }


def test_a_refusal_keeps_the_vendors_words() -> None:
    refused = errors.UpstreamRefused("No such voice.", param="audio.voice", vendor_code="invalid_voice")

    assert body(refused) == {
        "message": "No such voice.",
        "type": "invalid_request_error",
        "param": "audio.voice",
        "code": "invalid_voice",
    }


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.UpstreamRefused("No.", vendor_code="invalid_request_error"), None),
        (errors.UpstreamRefused("No.", vendor_code="1214"), None),
        (errors.ContextLengthExceeded("Long.", vendor_code="1261"), "context_length_exceeded"),
        (errors.ModelNotFound("Gone.", vendor_code="1211"), "model_not_found"),
        (errors.ContentRefused("No.", vendor_code="1301"), "content_policy_violation"),
        (errors.UpstreamForbidden("No.", vendor_code="403"), None),
        (errors.UpstreamForbidden("No.", vendor_code="unsupported_region"), "unsupported_region"),
    ],
)
def test_a_vendors_type_and_its_numbers_are_no_codes_of_the_family(error: ParleyError, code: str | None) -> None:
    assert body(error)["code"] == code


def test_details_for_programs_stand_inside_the_error() -> None:
    assert body(errors.ConversationBusy(details={"run_id": "run_1"}))["run_id"] == "run_1"


@pytest.mark.parametrize(("seconds", "told"), [(None, None), (0.5, 0.5), (120.0, 120.0), (3600.0, 120.0)])
def test_asks_for_no_longer_wait_than_sdks_accept(seconds: float | None, told: float | None) -> None:
    assert words.retry_after(errors.UpstreamOverloaded(retry_after=seconds)) == told


def test_says_which_errors_are_not_worth_repeating() -> None:
    final = {code for code, error in errors.BY_CODE.items() if words.is_final(error())}

    assert final == {
        *("answer_too_long", "conversation_busy", "duplication", "knowledge_busy", "not_waiting", "run_cancelled"),
        *("upstream_auth_refused", "quota_exceeded", "balance_used_up", "calls_used_up", "too_many_tokens"),
    }
