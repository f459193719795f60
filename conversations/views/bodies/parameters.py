"""Query parameters: a serializer for each route, from which the OpenAPI document is derived too."""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any

from rest_framework import serializers

from conversations import errors


def read(serializer: serializers.Serializer[Any], given: Mapping[str, str]) -> dict[str, Any]:
    """The values of the parameters that were given, and the defaults of others; unknown parameters are ignored.

    Raises InvalidRequest about the first that is wrong, in the order of the serializer's fields.
    """
    try:
        values: dict[str, Any] = serializer.run_validation(dict(given))
    except serializers.ValidationError as exc:
        detail: Any = exc.detail
        name, problems = next(iter(detail.items()))
        problem = "is required" if problems[0].code == "required" else problems[0]
        raise errors.InvalidRequest(f"{name} {problem}", param=name) from exc
    return values


class ChoiceField(serializers.ChoiceField):
    def __init__(self, known: Collection[str], **kwargs: Any) -> None:
        super().__init__(list(known), **kwargs)
        self.error_messages["invalid_choice"] = f"must be one of {', '.join(known)}"


class TimeField(serializers.DateTimeField):
    """ISO 8601; a time without an offset is in UTC."""

    default_error_messages = {"invalid": "must be a time in ISO 8601"}  # noqa: RUF012 — DRF's own way

    def to_internal_value(self, value: str) -> datetime:  # type: ignore[override] # of a query there are only texts
        # An unencoded "+" arrives as a space.
        text = value.replace(" ", "+", 1) if value.count(" ") == 1 and "T" in value else value
        try:
            at = datetime.fromisoformat(text)
            return at.replace(tzinfo=at.tzinfo or UTC).astimezone(UTC)
        except (ValueError, OverflowError):
            self.fail("invalid")


MAX_DIGITS = 12


class WholeNumberField(serializers.IntegerField):
    """ASCII digits alone: no sign, no spaces, no fraction."""

    default_error_messages = {"invalid": "must be a whole number from {least} to {most}"}  # noqa: RUF012 — DRF's own

    def __init__(self, *, least: int, most: int, **kwargs: Any) -> None:
        super().__init__(min_value=least, max_value=most, **kwargs)
        self.least, self.most = least, most

    def to_internal_value(self, data: str) -> int:  # type: ignore[override] # of a query there are only texts
        # int() refuses thousands of digits, leading zeros counted.
        digits = data.lstrip("0") or "0"
        if data.isascii() and data.isdigit() and len(digits) <= MAX_DIGITS and self.least <= int(digits) <= self.most:
            return int(digits)
        return self.fail("invalid", least=self.least, most=self.most)
