"""Serializer fields that keep the JSON type of a value: DRF's own convert numbers to strings and strings to numbers."""

from typing import Any, ClassVar

from rest_framework import serializers


class JsonField(serializers.Field[Any, Any, Any, Any]):
    """A JSON value of the type `kind`, unchanged. Here any type: the dialect checks its shape."""

    kind: ClassVar[type] = object

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, self.kind):
            self.fail("invalid")
        return data

    def to_representation(self, value: Any) -> Any:
        return value


EXACT_FLOAT_MAX = 2**53


class TextField(JsonField):
    """A string; if `most` is given, of at most that many characters."""

    kind = str
    default_error_messages = {  # noqa: RUF012 — DRF's own way
        "invalid": "must be a string.",
        "too_long": "must have at most {most} characters.",
    }

    def __init__(self, *, most: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.most = most

    def to_internal_value(self, data: Any) -> Any:
        text = super().to_internal_value(data)
        if self.most is not None and len(text) > self.most:
            self.fail("too_long", most=self.most)
        return text


class ObjectField(JsonField):
    kind = dict
    default_error_messages = {"invalid": "must be a JSON object."}  # noqa: RUF012 — DRF's own way


class HeadersField(ObjectField):
    """A JSON object of strings. No refusal quotes one of them: they are secrets."""

    default_error_messages = {"invalid": "must be a JSON object of strings."}  # noqa: RUF012 — DRF's own way

    def to_internal_value(self, data: Any) -> Any:
        headers = super().to_internal_value(data)
        if not all(isinstance(value, str) for value in headers.values()):
            self.fail("invalid")
        return headers


class ListField(serializers.ListField):
    """A JSON array of at most `most` elements.

    The length is checked first, and the first wrong element ends the check: DRF's own field checks a million elements,
    and collects a million errors, before it looks at their number.
    """

    default_error_messages = {"too_long": "must have at most {most} elements."}  # noqa: RUF012 — DRF's own way

    def __init__(self, *, most: int, **kwargs: Any) -> None:
        super().__init__(max_length=most, **kwargs)
        self.most = most

    def to_internal_value(self, data: Any) -> list[Any]:
        if not isinstance(data, list):
            self.fail("not_a_list", input_type=type(data).__name__)
        if len(data) > self.most:
            self.fail("too_long", most=self.most)
        return [self._checked(index, element) for index, element in enumerate(data)]

    def _checked(self, index: int, element: Any) -> Any:
        try:
            return self.child.run_validation(element)
        except serializers.ValidationError as exc:
            detail: Any = {index: exc.detail}
            raise serializers.ValidationError(detail) from exc


class BoundedField(JsonField):
    """A JSON value of any type; an array has at most `most` elements. The dialect checks everything else."""

    default_error_messages = {"too_long": "must have at most {most} elements."}  # noqa: RUF012 — DRF's own way

    def __init__(self, *, most: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.most = most

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, list) and len(data) > self.most:
            self.fail("too_long", most=self.most)
        return data


class StrictFlagField(JsonField):
    kind = bool
    default_error_messages = {"invalid": "must be true or false."}  # noqa: RUF012 — DRF's own way


class FlagField(StrictFlagField):
    """A JSON boolean; also the strings true and false, which form-style callers send (docs/contract E)."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, str) and data.strip().lower() in ("true", "false"):
            return data.strip().lower() == "true"
        return super().to_internal_value(data)


class NumberField(JsonField):
    """A JSON number from `least` to `most`, as it was written: 1 stays 1. A boolean is no number."""

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
    """A whole number, also written as 2.0: JSON has one type of number, and some languages write all of them so."""

    default_error_messages = {"invalid": "must be a whole number from {least} to {most}."}  # noqa: RUF012

    def to_internal_value(self, data: Any) -> int:
        number = super().to_internal_value(data)
        # Integers beyond 64 bits are parsed as floats, which no longer tell which number was sent.
        if number != int(number) or (isinstance(number, float) and abs(number) > EXACT_FLOAT_MAX):
            self.fail("invalid", least=self.least, most=self.most)
        return int(number)
