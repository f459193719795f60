import pytest

from conversations import errors
from conversations.dialects.aichat import errors as words

TRACE_ID = "11111111-2222-4333-8444-555555555555"
# docs/contract A.8: what the family's clients know.
STATUS_OF_ACE_CODE = {
    "bad_request": {400, 415},
    "no_token": {400},
    "api_not_implemented": {400},
    "invalid_token": {401},
    "token_expired": {401},
    "disabled": {403},
    "used_up": {403},
    "forbidden": {403},
    "not_found": {404},
    "no_api": {404, 405},
    "busy": {409},
    "duplication": {409},
    "canceled": {409},
    # Of our own API alone.
    "precondition_failed": {412},
    "request_entity_too_large": {413},
    "too_many_requests": {429},
    "api_error": {500, 503},
    "chat_error": {500},
    "timeout": {504},
}


def test_every_error_of_the_tree_has_words_and_nothing_else_has() -> None:
    assert words.ERROR_TABLE.keys() == errors.BY_CODE.keys()


@pytest.mark.parametrize(("status", "code"), sorted(set(words.ERROR_TABLE.values())))
def test_uses_only_codes_the_clients_know(status: int, code: str) -> None:
    assert status in STATUS_OF_ACE_CODE[code]


def test_a_missing_key_is_a_400_and_a_wrong_one_a_401() -> None:
    assert words.status(errors.MissingKey()) == 400
    assert words.status(errors.InvalidKey()) == 401


def test_the_body_has_exactly_the_documented_keys() -> None:
    body = words.body(errors.InvalidRequest("model is required", param="model"), trace_id=TRACE_ID)

    assert body == {"error": {"code": "bad_request", "message": "model is required"}, "trace_id": TRACE_ID}


def test_an_error_without_a_message_says_its_own() -> None:
    body = words.body(errors.InvalidKey(), trace_id=TRACE_ID)

    assert body["error"] == {"code": "invalid_token", "message": "The specified token is invalid or wrong."}
