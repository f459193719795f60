"""Serializer fields of the Yuju family: ids that may be numbers, times and amounts as it writes them."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from rest_framework import serializers

from conversations.rules.money import cost
from conversations.views.bodies.fields import TextField

ID_MAX_CHARS = 64
TIME_FORMAT, DAY_FORMAT = "%Y-%m-%d %H:%M:%S", "%Y-%m-%d"
# The last second that can be counted from is of the year 2199.
SECONDS_MAX = 7_258_118_399
SECONDS_DIGITS = 10
FIRST_YEAR, LAST_YEAR = 2000, 2199


class IdField(TextField):
    """Ids look like numbers in the samples, and may come as numbers (docs/contract D.2)."""

    default_error_messages = {"invalid": "must be a string or a whole number."}  # noqa: RUF012 — DRF's own way

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(most=ID_MAX_CHARS, **kwargs)

    def to_internal_value(self, data: Any) -> Any:
        is_number = isinstance(data, int) and not isinstance(data, bool)
        return super().to_internal_value(str(data) if is_number else data).strip()


class TimeField(serializers.CharField):
    """Of a query: seconds since 1970, as documented, or a day or a time in UTC (docs/contract D.8.3).

    A day begins with its first second and, where `ends` is given, ends with its last.
    """

    default_error_messages = {  # noqa: RUF012 — DRF's own way
        "invalid": "must be seconds since 1970, 2026-12-31 or 2026-12-31 23:59:59"
    }

    def __init__(self, *, ends: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.ends = ends

    def to_internal_value(self, data: str) -> datetime:  # type: ignore[override] # of a query there are only texts
        text = data.strip()
        if text.isascii() and text.isdigit():
            return self._of_seconds(text)
        for form in (DAY_FORMAT, TIME_FORMAT):
            try:
                found = datetime.strptime(text, form).replace(tzinfo=UTC)
            except ValueError:
                continue
            if FIRST_YEAR <= found.year <= LAST_YEAR:
                is_day = form == DAY_FORMAT
                return found + timedelta(days=1, microseconds=-1) if is_day and self.ends else found
        return self.fail("invalid")

    def _of_seconds(self, digits: str) -> datetime:
        if len(digits) > SECONDS_DIGITS or int(digits) > SECONDS_MAX:
            self.fail("invalid")
        return datetime.fromtimestamp(int(digits), UTC)


class MomentField(serializers.CharField):
    """A time in UTC, as `2026-12-31 23:59:59`."""

    def to_representation(self, value: datetime) -> str:  # type: ignore[override] # it is no text before
        return value.astimezone(UTC).strftime(TIME_FORMAT)


class AmountField(serializers.FloatField):
    """Money is a JSON number here, with at most six decimals (docs/contract D.3)."""

    def to_representation(self, value: Decimal) -> float:  # type: ignore[override] # it is exact before
        return float(cost.on_wire(value))
