"""What a browser is told when something fails: nothing that names what its account has."""

from decimal import Decimal

import pytest

from conversations import errors
from conversations.errors import ParleyError
from conversations.rules.client_tokens import refusals
from conversations.values.runs import RunEnded, RunStatus

SECRET = "openai/key-2: gpt-4 of acme"
# Their messages are about what the visitor itself has sent, or its own conversation and token.
TOLD = {
    *("invalid_request", "body_too_large", "not_found", "conversation_deleted", "no_such_route", "method_not_allowed"),
    *("media_type_not_supported", "knowledge_busy", "precondition_failed", "missing_key", "invalid_key", "key_expired"),
    *("out_of_scope", "account_disabled", "rate_limited", "too_many_tokens", "conversation_busy", "not_waiting"),
    *("duplication", "run_cancelled", "content_filtered", "answer_too_long", "deadline_exceeded"),
    "service_unavailable",
}


def test_every_error_is_either_told_or_not() -> None:
    assert errors.BY_CODE.keys() == TOLD | refusals.OF_ACCOUNT
    assert set() == TOLD & refusals.OF_ACCOUNT


@pytest.mark.parametrize("code", sorted(refusals.OF_ACCOUNT))
def test_what_is_its_accounts_is_not_told(code: str) -> None:
    known = errors.BY_CODE[code]
    given = known(SECRET, param="model", retry_after=3, vendor_code=SECRET, details={"of": SECRET})
    ended = RunEnded(RunStatus.FAILED, error_code=code, error_message=SECRET, error_facts={"vendor_code": SECRET})

    told = refusals.to_visitor(given)

    assert (type(told), told.message, told.facts) == (
        known,
        known.default_message,
        {"param": "model", "retry_after": 3},
    )
    assert told.details == {}
    assert SECRET not in str(refusals.end_to_visitor(ended))


def test_what_an_answer_cost_is_not_told() -> None:
    ended = RunEnded(RunStatus.COMPLETED, finish_reasons=("stop",), cost=Decimal("0.5"))

    assert refusals.end_to_visitor(ended) == RunEnded(RunStatus.COMPLETED, finish_reasons=("stop",))


@pytest.mark.parametrize("error", [errors.InvalidRequest(f"Models: {SECRET}", param="model")], ids=["of a model"])
def test_a_model_that_does_not_fit_names_no_others(error: ParleyError) -> None:
    assert refusals.to_visitor(error).message == errors.InvalidRequest.default_message


def test_what_is_its_own_fault_is_told() -> None:
    error = errors.InvalidRequest("references[0] cannot be read.", param="references")

    assert refusals.to_visitor(error) is error
