"""What a caller may send many of: the number is looked at first, then the things."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from conversations.dialects.openai import completions, embeddings
from conversations.dialects.openai.chat import messages, options, parse
from conversations.dialects.openai.shared import text_inputs
from conversations.errors import InvalidRequest

NAME = {"name": "f"}
FUNCTION = {"type": "function", "function": NAME}
CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
PART = {"type": "text", "text": "Hi"}


class Unread(list[Any]):
    """Elements that nobody may look at, but the first, before they are found to be too many."""

    def __iter__(self) -> Iterator[Any]:
        raise AssertionError("looked at an element")

    def __getitem__(self, index: Any) -> Any:
        if index != 0:
            raise AssertionError("looked at an element")
        return super().__getitem__(index)


def user(content: Any) -> list[dict[str, Any]]:
    return [{"role": "user", "content": content}]


def caller(calls: Any) -> list[dict[str, Any]]:
    return [{"role": "assistant", "tool_calls": calls}]


def embedding(**fields: Any) -> Any:
    return embeddings.parse({"model": "m", **fields})


def chat(**fields: Any) -> Any:
    return parse.parse({"model": "m", "messages": user("Hi"), **fields}, new_id=lambda: "id")


Parser = Callable[[Any], Any]
LISTS: dict[str, tuple[Parser, Any, int]] = {
    "messages[0].content": (lambda many: messages.parse(user(many)), PART, 2_048),
    "messages[0].tool_calls": (lambda many: messages.parse(caller(many)), CALL, 1_024),
    "tools": (lambda many: options.parse({"tools": many}), FUNCTION, 128),
    "functions": (lambda many: options.parse({"functions": many}), NAME, 128),
    "stop": (lambda many: options.parse({"stop": many}), ".", 4),
    "modalities": (lambda many: options.parse({"modalities": many}), "text", 16),
    "prompt": (lambda many: completions.parse({"model": "m", "prompt": many}), "Once", 2_048),
    "input": (lambda many: embedding(input=many), "Once", 2_048),
}


@pytest.mark.parametrize(("param", "parser", "element", "most"), [(name, *row) for name, row in LISTS.items()])
def test_takes_as_many_and_looks_at_none_of_more(param: str, parser: Parser, element: Any, most: int) -> None:
    parser([element] * most)
    with pytest.raises(InvalidRequest) as caught:
        parser([*[element] * most, element])

    assert (caught.value.param, caught.value.message) == (param, f"{param} has more than {most} elements")


@pytest.mark.parametrize(("param", "parser"), [(name, row[0]) for name, row in LISTS.items()])
def test_says_so_before_it_looks_at_one(param: str, parser: Parser) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parser(Unread(["a"] * 20_000))

    assert caught.value.param == param
    assert " has more than " in caught.value.message


def test_all_messages_have_a_bound_for_their_parts_together() -> None:
    half = [{"role": "user", "content": [PART] * 1_000}, {"role": "assistant", "tool_calls": [CALL] * 1_000}]

    assert len(messages.parse(half * 10)) == 20
    with pytest.raises(InvalidRequest, match="has more than 20000 content parts and tool calls in all") as caught:
        messages.parse([*half * 10, {"role": "user", "content": [None]}])

    assert caught.value.param == "messages"


def test_all_tokens_of_a_request_have_a_bound_together() -> None:
    text_inputs.parse([[1] * 100_000] * 3, "input")
    with pytest.raises(InvalidRequest, match="input has more than 300000 tokens in all"):
        text_inputs.parse([[1] * 100_000] * 3 + [["no token"]], "input")
    with pytest.raises(InvalidRequest, match="input has more than 300000 tokens in all"):
        text_inputs.parse(Unread([1] * 300_001), "input")


@pytest.mark.parametrize("name", ["n", "best_of"])
def test_all_choices_of_all_prompts_have_a_bound_together(name: str) -> None:
    completions.parse({"model": "m", "prompt": ["a"] * 16, name: 128})
    with pytest.raises(InvalidRequest) as caught:
        completions.parse({"model": "m", "prompt": ["a"] * 17, name: 128})

    assert caught.value.param == name


def test_all_numbers_of_all_vectors_have_a_bound_together() -> None:
    embedding(input=["a"] * 2_048, dimensions=4_096)
    with pytest.raises(InvalidRequest) as caught:
        embedding(input=["a"] * 2_048, dimensions=4_097)

    assert caught.value.param == "dimensions"


@pytest.mark.parametrize(
    ("parser", "given", "param"),
    [
        (lambda given: chat(logit_bias=given), {str(token): "x" for token in range(1_025)}, "logit_bias"),
        (lambda given: chat(metadata=given), {str(name): 1 for name in range(17)}, "metadata"),
        (lambda given: messages.parse([{"role": "user", "content": "Hi", **given}]), 65, "messages[0]"),
        (lambda given: messages.parse(user([{**PART, **given}])), 65, "messages[0].content[0]"),
    ],
)
def test_objects_have_a_bound_too(parser: Parser, given: Any, param: str) -> None:
    members = {f"x{number}": 1 for number in range(given + 3)} if isinstance(given, int) else given

    with pytest.raises(InvalidRequest) as caught:
        parser(members)

    assert caught.value.param == param


LONG = "9" * 1_000_000


@pytest.mark.parametrize(
    ("parser", "param"),
    [
        (lambda: chat(logit_bias={LONG: 101}), "logit_bias"),
        (lambda: chat(metadata={LONG: "x"}), "metadata"),
        (lambda: chat(model=LONG), "model"),
        (lambda: chat(tools=[{"type": "function", "function": {"name": LONG}}]), "tools[0].function.name"),
        (lambda: chat(functions=[{"name": LONG}]), "functions[0].name"),
        (lambda: messages.parse([{"role": LONG}]), "messages[0].role"),
        (lambda: messages.parse(user([{"type": LONG}])), "messages[0].content[0].type"),
        (lambda: messages.parse([{**user("Hi")[0], "name": LONG}]), "messages[0].name"),
        (lambda: messages.parse([{**user("Hi")[0], LONG: 1}]), f"messages[0].{'9' * 64}"),
        (lambda: messages.parse(caller([{**CALL, "id": LONG}])), "messages[0].tool_calls[0].id"),
        (
            lambda: messages.parse(caller([{**CALL, "function": {"name": LONG, "arguments": ""}}])),
            "messages[0].tool_calls[0].function.name",
        ),
        (
            lambda: messages.parse([{"role": "tool", "tool_call_id": LONG, "content": ""}]),
            "messages[0].tool_call_id",
        ),
        (lambda: embedding(input="a", encoding_format=LONG), "encoding_format"),
    ],
)
def test_a_refusal_does_not_repeat_what_is_too_long(parser: Callable[[], Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parser()

    assert caught.value.param == param
    assert len(caught.value.message) < 400
