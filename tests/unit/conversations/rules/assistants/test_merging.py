from dataclasses import replace
from typing import Any

import pytest

from conversations.rules.assistants.merging import applied
from conversations.values.assistants import (
    AssistantConfig,
    AssistantKind,
    AssistantUsed,
    Fallback,
    FallbackHandler,
    Given,
)
from conversations.values.context.sources import ContextAsked
from conversations.values.requests import RunRequest
from providers.messages import EXTRA_BODY, Message, Role, TextPart

FIX = Fallback(FallbackHandler.FIX, "没有找到")
CONFIG = AssistantConfig(
    pk=7,
    public_id="asst_1",
    version=3,
    kind=AssistantKind.TOOL,
    name="助手",
    model="gpt-4o-mini",
    prompt="用中文回答。",
    options={"temperature": 0.2, "max_tokens": 50, EXTRA_BODY: {"thinking": 1}},
    history_most=4,
    knowledge=("kb_1",),
    search=True,
    tools=("tool_1",),
    intents=("intent_1",),
    fallback=FIX,
)
ASKED = ContextAsked(("kb_1",), True, tools=("tool_1",), fallback=FIX, intents=("intent_1",))


def request(**changes: Any) -> RunRequest:
    given = {"model": "assistant:asst_1", "messages": (Message(Role.USER, (TextPart("你好"),)),), **changes}
    return RunRequest(dialect="aichat", conversation_id="c", is_stored=True, **given)


def of_kind(kind: AssistantKind) -> AssistantConfig:
    return replace(CONFIG, kind=kind)


def test_gives_a_bare_request_all_that_the_assistant_has() -> None:
    made = applied(CONFIG, request())

    assert made == request(
        model="gpt-4o-mini",
        preset="用中文回答。",
        options=CONFIG.options,
        context=ASKED,
        assistant=AssistantUsed(7, "asst_1", 3),
        history_most=4,
    )


def test_what_is_given_replaces_what_the_assistant_has() -> None:
    own = ContextAsked(("kb_2",), tools=("tool_2",), intents=("intent_2",), fallback=Fallback(FallbackHandler.CUSTOM))
    asked = request(
        preset="Answer in English.",
        options={"temperature": 1, "max_completion_tokens": 9, EXTRA_BODY: {"top_k": 2}},
        context=own,
    )

    made = applied(CONFIG, asked, given=frozenset(Given))

    assert made.preset == "Answer in English."
    assert made.options == {
        "temperature": 1, "max_completion_tokens": 9, EXTRA_BODY: {"thinking": 1, "top_k": 2},
    }  # fmt: skip
    assert made.context == own


def test_what_is_given_as_none_is_none() -> None:
    made = applied(CONFIG, request(preset=""), given=frozenset(Given))

    assert made.context is None
    assert made.preset == ""


def test_an_assistant_without_a_prompt_clears_the_one_of_the_turn_before() -> None:
    assert applied(replace(CONFIG, prompt=""), request()).preset == ""


@pytest.mark.parametrize("role", [Role.SYSTEM, Role.DEVELOPER])
def test_a_system_message_stands_for_the_prompt(role: Role) -> None:
    messages = (Message(role, (TextPart("Own."),)), Message(Role.USER, (TextPart("Hi"),)))

    assert applied(CONFIG, request(messages=messages)).preset == ""


def test_leaves_out_what_means_nothing_to_the_kind() -> None:
    own = request(context=ContextAsked(("kb_2",), tools=("tool_2",), fallback=FIX))

    dialogue = applied(of_kind(AssistantKind.DIALOGUE), own).context
    knowledge = applied(of_kind(AssistantKind.KNOWLEDGE), own).context

    assert dialogue == ContextAsked(search=True, intents=("intent_1",))
    assert knowledge == ContextAsked(("kb_2",), True, intents=("intent_1",), fallback=FIX)


def test_only_a_dialogue_assistant_takes_another_model() -> None:
    models = {kind: applied(of_kind(kind), request(model="deepseek-chat")).model for kind in AssistantKind}

    assert models == {
        AssistantKind.DIALOGUE: "deepseek-chat",
        AssistantKind.KNOWLEDGE: "gpt-4o-mini",
        AssistantKind.TOOL: "gpt-4o-mini",
    }
    assert applied(of_kind(AssistantKind.DIALOGUE), request(model="")).model == "gpt-4o-mini"
    assert applied(of_kind(AssistantKind.DIALOGUE), request()).model == "gpt-4o-mini"


def test_a_request_may_say_how_a_lack_is_handled_and_nothing_else() -> None:
    own = Fallback(FallbackHandler.FIX, "明天再来")

    merged = applied(CONFIG, request(context=ContextAsked(fallback=own)), given={Given.FALLBACK})

    assert merged.context == replace(ASKED, fallback=own)
