from typing import Any

import pytest
from rest_framework import serializers

from conversations.views.bodies.fields import BoundedField, IntegerField, ListField, TextField

INT64 = 2**63


@pytest.mark.parametrize(("given", "number"), [(0, 0), (-3, -3), (2.0, 2), (INT64 - 1, INT64 - 1), (2.0**53, 2**53)])
def test_takes_a_whole_number_however_it_is_written(given: Any, number: int) -> None:
    assert IntegerField(least=-INT64, most=INT64 - 1).to_internal_value(given) == number


@pytest.mark.parametrize("given", [1.5, True, "1", None, INT64, float(-INT64), 1e300, [1]])
def test_refuses_what_is_none_or_no_longer_says_which(given: Any) -> None:
    with pytest.raises(serializers.ValidationError):
        IntegerField(least=-INT64, most=INT64 - 1).to_internal_value(given)


class Counted(serializers.Field[Any, Any, Any, Any]):
    """Takes no element, and counts how many it was shown."""

    default_error_messages = {"invalid": "no."}  # noqa: RUF012 — DRF's own way
    shown = 0

    def to_internal_value(self, data: Any) -> Any:
        Counted.shown += 1
        self.fail("invalid")


@pytest.mark.parametrize(
    ("given", "shown", "problem"),
    [
        ([1] * 101, 0, ["must have at most 100 elements."]),
        ([1] * 100, 1, {0: ["no."]}),
        ("a text", 0, ['Expected a list of items but got type "str".']),
        ({"0": 1}, 0, ['Expected a list of items but got type "dict".']),
    ],
)
def test_a_list_is_measured_first_and_left_at_its_first_error(given: Any, shown: int, problem: Any) -> None:
    Counted.shown = 0

    with pytest.raises(serializers.ValidationError) as caught:
        ListField(child=Counted(), most=100).run_validation(given)

    assert (caught.value.detail, Counted.shown) == (problem, shown)


def test_a_list_of_what_is_right_is_taken() -> None:
    assert ListField(child=TextField(most=3), most=2).run_validation(["abc", ""]) == ["abc", ""]


def test_a_bounded_field_takes_any_value_but_a_longer_list() -> None:
    field = BoundedField(most=2)

    assert [field.run_validation(given) for given in ([1, "a"], "abc", {"a": 1})] == [[1, "a"], "abc", {"a": 1}]
    with pytest.raises(serializers.ValidationError):
        field.run_validation([1, 2, 3])


def test_a_text_may_have_a_bound() -> None:
    with pytest.raises(serializers.ValidationError, match=r"must have at most 3 characters\."):
        TextField(most=3).run_validation("abcd")
