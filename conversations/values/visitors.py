"""Visitors as their account searches for them."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class VisitorField(StrEnum):
    """`external_id` is any of the customer's ids of it. `attribute` is one of those that the customer made up."""

    ID = "id"
    EXTERNAL_ID = "external_id"
    NAME = "name"
    EMAIL = "email"
    MOBILE = "mobile"
    CREATED_AT = "created_at"
    CHANGED_AT = "changed_at"
    ATTRIBUTE = "attribute"

    @property
    def is_time(self) -> bool:
        return self in (VisitorField.CREATED_AT, VisitorField.CHANGED_AT)


class Condition(StrEnum):
    """Texts are compared as they are written, upper and lower case apart."""

    EQUAL = "equal"
    NOT_EQUAL = "not_equal"
    CONTAIN = "contain"
    NOT_CONTAIN = "not_contain"
    BEGIN_WITH = "begin_with"
    EMPTY = "empty"
    NOT_EMPTY = "not_empty"
    GREATER = "greater"
    LESS = "less"

    @property
    def takes_value(self) -> bool:
        return self not in (Condition.EMPTY, Condition.NOT_EMPTY)


@dataclass(frozen=True, slots=True)
class VisitorFilter:
    """`value` is a time for a field that is one, "" for a condition that takes none. `name` is an attribute's."""

    field: VisitorField
    condition: Condition
    value: str | datetime = ""
    name: str = ""
