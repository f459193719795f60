"""Serializer fields that take a JSON value for what it is: DRF's own turn numbers into strings and back."""

from typing import Any, ClassVar

from rest_framework import serializers


class JsonField(serializers.Field[Any, Any, Any, Any]):
    """A JSON value of the type `kind`, kept to the letter; here any, whose shape is the dialect's to check."""

    kind: ClassVar[type] = object

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, self.kind):
            self.fail("invalid")
        return data

    def to_representation(self, value: Any) -> Any:
        return value


EXACT_FLOAT_MAX = 2**53


class TextField(JsonField):
    kind = str
    default_error_messages = {"invalid": "must be a string."}  # noqa: RUF012 — DRF's own way


class StrictFlagField(JsonField):
    kind = bool
    default_error_messages = {"invalid": "must be true or false."}  # noqa: RUF012 — DRF's own way


class FlagField(StrictFlagField):
    """A JSON boolean; also the strings true and false, which form-style callers send (api-contract.md E)."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, str) and data.strip().lower() in ("true", "false"):
            return data.strip().lower() == "true"
        return super().to_internal_value(data)


class NumberField(JsonField):
    """A JSON number from `least` to `most`, as it was written: 1 stays 1. Booleans are none."""

    default_error_messages = {"invalid": "must be a number from {least} to {most}."}  # noqa: RUF012 — DRF's own way

    def __init__(self, *, least: float, most: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.least, self.most = least, most

    def to_internal_value(self, data: Any) -> Any:
        is_number = isinstance(data, int | float) and not isinstance(data, bool)
        if not is_number or not self.least <= data <= self.most:
            self.fail("invalid", least=self.least, most=self.most)
        return data


class IntegerField(NumberField):
    """A whole number; 2.0 is one: JSON has one kind of number, and some languages write it so."""

    default_error_messages = {"invalid": "must be a whole number from {least} to {most}."}  # noqa: RUF012

    def to_internal_value(self, data: Any) -> int:
        number = super().to_internal_value(data)
        # Beyond 64 bits JSON is read as floats, which no longer say which number was meant.
        if number != int(number) or (isinstance(number, float) and abs(number) > EXACT_FLOAT_MAX):
            self.fail("invalid", least=self.least, most=self.most)
        return int(number)
