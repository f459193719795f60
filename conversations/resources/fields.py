"""Serializer fields of our resources: constants, computed values and times."""

from datetime import datetime
from typing import Any

from rest_framework import serializers

from conversations.rules import times


class ConstantField(serializers.Field[Any, Any, Any, Any]):
    """The same value in every object."""

    def __init__(self, value: str | bool | int) -> None:
        super().__init__(source="*")
        self.value = value

    def to_representation(self, value: Any) -> str | bool | int:
        return self.value


class UtcTimeField(serializers.DateTimeField):
    def to_representation(self, value: datetime) -> str:
        return times.iso(value)


class MethodField(serializers.Field[Any, Any, Any, Any]):
    """What the serializer's method `get_<name>` returns, written as `field` writes it.

    Unlike DRF's SerializerMethodField it has a declared type, also for times and nested objects.
    """

    def __init__(self, field: serializers.Field[Any, Any, Any, Any]) -> None:
        super().__init__(source="*")
        self.field = field

    def bind(self, field_name: str, parent: Any) -> None:
        super().bind(field_name, parent)
        self.method = getattr(parent, f"get_{field_name}")

    def to_representation(self, value: Any) -> Any:
        found = self.method(value)
        return None if found is None else self.field.to_representation(found)
