from dataclasses import replace

import pytest

from conversations.dialects.yuju.chat import turn
from conversations.dialects.yuju.chat.parse import Asked
from conversations.errors import InvalidRequest
from conversations.values.assistants import AssistantConfig, AssistantKind, Fallback, FallbackHandler, VisitorGiven
from conversations.values.context.sources import ContextAsked

CONFIG = AssistantConfig(1, "asst_1", 3, AssistantKind.DIALOGUE, "客服", model="gpt-4o")
ASKED = Asked("5L2g5aW95ZCX", "你好吗")
VISITOR = VisitorGiven("10086")
FIX = Fallback(FallbackHandler.FIX, "请联系人工")


def test_a_visitor_has_a_thread_where_the_assistant_remembers() -> None:
    made = turn.of(replace(ASKED, visitor=VISITOR), CONFIG, new_id="c-1")

    assert (made.is_stored, made.is_thread, made.begins_conversation, made.conversation_id) == (True, True, True, "c-1")
    assert (made.visitor, dict(made.reply)) == (VISITOR, {"visitorId": "10086"})


@pytest.mark.parametrize(("visitor", "has_context"), [(None, True), (VISITOR, False), (None, False)])
def test_everybody_else_has_none(visitor: VisitorGiven | None, has_context: bool) -> None:
    made = turn.of(replace(ASKED, visitor=visitor), replace(CONFIG, has_context=has_context), new_id="c-1")

    assert (made.is_stored, made.is_thread, made.begins_conversation, made.conversation_id) == (False, False, False, "")
    assert made.visitor == visitor


def test_base64_is_read_unless_the_assistant_takes_it_as_it_is() -> None:
    read = turn.of(ASKED, CONFIG, new_id="c-1")
    left = turn.of(ASKED, replace(CONFIG, decodes_base64=False), new_id="c-1")

    assert (read.messages[0].text, left.messages[0].text) == ("你好吗", "5L2g5aW95ZCX")


@pytest.mark.parametrize(
    ("asked", "own", "chosen"),
    [
        (ASKED, FIX, FIX),
        (replace(ASKED, fix_text="稍后再试"), FIX, Fallback(FallbackHandler.FIX, "稍后再试")),
        (replace(ASKED, handler=FallbackHandler.FIX), Fallback(text="own"), Fallback(FallbackHandler.FIX, "own")),
        (replace(ASKED, handler=FallbackHandler.CUSTOM), FIX, Fallback(FallbackHandler.CUSTOM, FIX.text)),
        (replace(ASKED, handler=FallbackHandler.WEB_SEARCH), Fallback(), Fallback(FallbackHandler.WEB_SEARCH)),
    ],
)
def test_what_is_given_replaces_how_the_assistant_handles_a_lack(asked: Asked, own: Fallback, chosen: Fallback) -> None:
    made = turn.of(asked, replace(CONFIG, fallback=own), new_id="c-1")

    assert made.context == ContextAsked(fallback=chosen)


def test_fix_needs_a_text_of_the_request_or_of_the_assistant() -> None:
    with pytest.raises(InvalidRequest) as caught:
        turn.of(replace(ASKED, handler=FallbackHandler.FIX), CONFIG, new_id="c-1")

    assert caught.value.param == "fix_content"
