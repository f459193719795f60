import pytest

from conversations.rules.runs import tool_calls
from conversations.rules.runs.tool_calls import Repeats, UnusableArguments


@pytest.mark.parametrize(
    ("name", "callers", "is_ours"),
    [
        ("ours", (), True),
        ("invented", (), True),
        ("ours", ("own",), True),
        ("own", ("own",), False),
        ("invented", ("own",), False),
    ],
)
def test_a_call_is_ours_unless_the_caller_may_know_it(name: str, callers: tuple[str, ...], is_ours: bool) -> None:
    assert tool_calls.is_ours(name, ours=("ours",), callers=callers) is is_ours


@pytest.mark.parametrize(("written", "read"), [("", {}), ("  ", {}), ("{}", {}), ('{"a": [1]}', {"a": [1]})])
def test_reads_arguments(written: str, read: dict[str, object]) -> None:
    assert tool_calls.arguments(written) == read


@pytest.mark.parametrize("written", ["null", "[]", "{", '{"a": NaN}', "x" * 70_000, "[" * 2_000])
def test_refuses_arguments_that_are_no_object(written: str) -> None:
    with pytest.raises(UnusableArguments):
        tool_calls.arguments(written)


def test_names_the_tools_of_an_option_and_skips_what_has_none() -> None:
    custom = {"type": "custom", "custom": {"name": "b"}}

    found = tool_calls.names_of([{"type": "function", "function": {"name": "a"}}, custom, {"type": "odd"}, 7])

    assert found == ("a", "b")
    assert tool_calls.names_of(None) == ()


def test_the_same_call_is_known_in_whatever_order_its_arguments_come() -> None:
    repeats = Repeats()

    assert repeats.count("f", {"a": 1, "b": 2}) == 1
    assert repeats.first("f", {"b": 2, "a": 1}) is None
    repeats.note("f", {"a": 1, "b": 2}, ("said", False))

    assert repeats.count("f", {"b": 2, "a": 1}) == 2
    assert repeats.first("f", {"b": 2, "a": 1}) == ("said", False)
    assert repeats.first("g", {"a": 1, "b": 2}) is None
