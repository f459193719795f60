import pytest

from conversations.errors import OutOfScope
from conversations.rules.assistants import tokens
from conversations.values.assistants import AssistantConfig, AssistantKind, VisitorGiven
from conversations.values.callers import Caller

ANN = VisitorGiven("ann")
KEY, ANNS_TOKEN, BOBS_TOKEN = Caller(1, 1), Caller(1, 1, visitor="ann"), Caller(1, 1, visitor="bob")


def config(*, requires_token: bool) -> AssistantConfig:
    return AssistantConfig(1, "asst_1", 1, AssistantKind.DIALOGUE, "a", requires_token=requires_token)


@pytest.mark.parametrize("caller", [KEY, BOBS_TOKEN])
def test_refuses_a_visitor_without_a_token_of_that_visitor(caller: Caller) -> None:
    with pytest.raises(OutOfScope, match="client token"):
        tokens.check(config(requires_token=True), ANN, caller)


def test_takes_the_visitors_token_a_key_without_a_visitor_and_ids_where_none_is_required() -> None:
    tokens.check(config(requires_token=True), ANN, ANNS_TOKEN)
    tokens.check(config(requires_token=True), None, KEY)
    tokens.check(config(requires_token=False), ANN, KEY)
