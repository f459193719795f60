"""How much of a conversation a turn's model is shown where the turn limits it, and in which form it is to answer."""

import pytest

from conversations.models import Account, Message, Run
from conversations.queries.receipts import ended
from conversations.queries.receipts.assemble import Asked
from conversations.values.assistants import AnswerForm
from conversations.values.context.receipts import Receipt
from providers.messages import Message as Said
from providers.messages import Role, TextPart, ToolResultPart
from tests import builders
from tests.fakes.replies import Json, says
from tests.fakes.upstream import FakeUpstream
from tests.integration.conversations.workers.runs.conftest import Answered

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("valkey", "no_routes")]

PLAIN = "Answer in plain text, without Markdown or other markup."
MARKDOWN = "Format the answer as Markdown."


def shown(upstream: FakeUpstream) -> list[str]:
    return [str(message["content"]) for message in upstream.requests[-1].messages]


def receipt(run: Run) -> Receipt:
    return ended.of_run(
        account_id=run.account_id, run_id=run.public_id, asked=Asked(50, with_text=True), is_operator=False
    )


@pytest.fixture
def three_turns(ann: Account, vendor: FakeUpstream, answered: Answered) -> None:
    for number in range(3):
        vendor.script(says(f"answer {number}"))
        answered(builders.runs.start(ann, f"question {number}"))


@pytest.mark.usefixtures("three_turns")
@pytest.mark.parametrize(
    ("most", "left"), [(0, 0), (1, 0), (2, 2), (3, 2), (4, 4), (5, 4), (6, 6), (1_000, 6), (None, 6)]
)
def test_a_model_is_shown_so_many_earlier_messages_in_whole_turns(
    ann: Account, vendor: FakeUpstream, answered: Answered, most: int | None, left: int
) -> None:
    vendor.script(says("done"))

    run = answered(builders.runs.start(ann, "the last", given={"history_most": most}))

    earlier = [f"{kind} {number}" for number in range(3) for kind in ("question", "answer")]
    assert shown(vendor) == [*earlier[6 - left :], "the last"]
    found = receipt(run)
    sent = [message.text for message in found.messages if message.position is not None]
    assert sent == shown(vendor)
    assert dict(found.trimmed) == ({"history_most": 6 - left} if left < 6 else {})
    unsent = [message for message in found.messages if message.position is None]
    assert [(message.text, message.trimmed) for message in unsent] == [
        (text, "history_most") for text in earlier[: 6 - left]
    ]
    # The thread keeps all of it.
    assert Message.objects.filter(account=ann).count() == 8


def test_no_result_of_a_tool_is_shown_without_its_call(ann: Account, vendor: FakeUpstream, answered: Answered) -> None:
    call: Json = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    vendor.script(says(tool_calls=[call], finish="tool_calls"), says("It rains."), says("Bye."))
    declared = {"tools": [{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}]}
    answered(builders.runs.start(ann, "Weather?", options=declared))
    result = Said(Role.TOOL, (ToolResultPart("call_1", (TextPart("rain"),)),))

    answered(builders.runs.start(ann, said=(result,), options=declared, given={"history_most": 0}))

    # The call that it answers stays, with its question.
    assert [message["role"] for message in vendor.requests[-1].messages] == ["user", "assistant", "tool"]
    answered(builders.runs.start(ann, "Thanks", given={"history_most": 3}))
    # Of that turn three messages would begin with the call.
    assert [message["role"] for message in vendor.requests[-1].messages] == ["user"]


@pytest.mark.parametrize(("form", "sentence"), [(AnswerForm.TEXT, PLAIN), (AnswerForm.MARKDOWN, MARKDOWN)])
@pytest.mark.parametrize("preset", [None, "You are a bird."])
def test_the_model_is_told_the_form_behind_the_preset(
    ann: Account, vendor: FakeUpstream, answered: Answered, *, form: AnswerForm, sentence: str, preset: str | None
) -> None:
    vendor.script(says("*Hi*"), says("Again"))

    run = answered(builders.runs.start(ann, "Hello", preset=preset, given={"answer_form": form}))

    told = f"{preset}\n\n{sentence}" if preset else sentence
    assert vendor.requests[0].messages == [{"role": "system", "content": told}, {"role": "user", "content": "Hello"}]
    # The answer is what the model said, whatever it was told.
    assert Message.objects.get(run=run, role="assistant").parts == [{"type": "text", "text": "*Hi*"}]
    first = receipt(run).messages[0]
    assert (first.origin, first.text) == ("preset", told)
    answered(builders.runs.start(ann, "Again?"))
    assert [m["content"] for m in vendor.requests[1].messages if m["role"] == "system"] == ([preset] if preset else [])


def test_without_a_form_nothing_is_said_of_it(ann: Account, vendor: FakeUpstream, answered: Answered) -> None:
    vendor.script(says("Hi"))

    answered(builders.runs.start(ann, "Hello"))

    assert vendor.requests[0].messages == [{"role": "user", "content": "Hello"}]
