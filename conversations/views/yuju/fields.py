"""Fields of the Yuju family's bodies that other families do not have: ids and numbers come in more than one type."""

from typing import Any

from conversations.views.bodies.fields import JsonField, TextField


class IdField(TextField):
    """A text, or a whole number, which becomes one: ids look like numbers in the documents (docs/contract D.2)."""

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
