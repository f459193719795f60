"""Fields of the Yuju family that others do not have: ids and numbers of more than one type, times and amounts."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from rest_framework import serializers

from conversations.dialects.yuju import times
from conversations.rules.money import cost
from conversations.views.bodies.fields import JsonField, TextField

# Of any id of ours.
ID_MAX_CHARS = 64


class IdField(TextField):
    """A text, or a whole number, which becomes one: ids look like numbers in the documents (docs/contract D.2)."""

    default_error_messages = {"invalid": "must be a string or a whole number."}  # noqa: RUF012 — DRF's own way

    def to_internal_value(self, data: Any) -> str:
        is_number = isinstance(data, int) and not isinstance(data, bool)
        text: str = super().to_internal_value(str(data) if is_number else data)
        return text


class NumberOrTextField(JsonField):
    """A number, or a text that is one; the dialect reads it, and checks its range."""

    default_error_messages = {"invalid": "must be a number, or a text that is one."}  # noqa: RUF012 — DRF's own way

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, bool) or not isinstance(data, str | int | float):
            self.fail("invalid")
        return data


class MomentField(serializers.CharField):
    """A time of an answer."""

    def to_representation(self, value: datetime) -> str:  # type: ignore[override] # it is no text before
        return times.shown(value)


class AmountField(serializers.FloatField):
    """Money of an answer: a JSON number with at most six decimals (docs/contract D.3)."""

    def to_representation(self, value: Decimal) -> float:  # type: ignore[override] # it is exact before
        return float(cost.on_wire(value))
