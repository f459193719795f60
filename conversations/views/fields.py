"""Serializer fields that take a JSON value for what it is: DRF's own turn numbers into strings and back."""

from typing import Any

from rest_framework import serializers


class TextField(serializers.Field[str, Any, str, Any]):
    """A JSON string, kept to the letter."""

    default_error_messages = {"invalid": "must be a string."}  # noqa: RUF012 — DRF's own way

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return data

    def to_representation(self, value: str) -> str:
        return value


class FlagField(serializers.Field[bool, Any, bool, Any]):
    """A JSON boolean; also the strings true and false, which form-style callers send (api-contract.md E)."""

    default_error_messages = {"invalid": "must be true or false."}  # noqa: RUF012 — DRF's own way

    def to_internal_value(self, data: Any) -> bool:
        if isinstance(data, bool):
            return data
        if isinstance(data, str) and data.strip().lower() in ("true", "false"):
            return data.strip().lower() == "true"
        return self.fail("invalid")

    def to_representation(self, value: bool) -> bool:
        return value
