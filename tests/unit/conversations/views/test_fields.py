from typing import Any

import pytest
from rest_framework import serializers

from conversations.views.fields import IntegerField

INT64 = 2**63


@pytest.mark.parametrize(("given", "number"), [(0, 0), (-3, -3), (2.0, 2), (INT64 - 1, INT64 - 1), (2.0**53, 2**53)])
def test_takes_a_whole_number_however_it_is_written(given: Any, number: int) -> None:
    assert IntegerField(least=-INT64, most=INT64 - 1).to_internal_value(given) == number


@pytest.mark.parametrize("given", [1.5, True, "1", None, INT64, float(-INT64), 1e300, [1]])
def test_refuses_what_is_none_or_no_longer_says_which(given: Any) -> None:
    with pytest.raises(serializers.ValidationError):
        IntegerField(least=-INT64, most=INT64 - 1).to_internal_value(given)
