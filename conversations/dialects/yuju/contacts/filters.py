"""The filters of a search for contacts (docs/contract D.8). The documents show `equal`; the others are our choice."""

from collections.abc import Sequence
from typing import Any

from conversations.dialects.yuju import times
from conversations.dialects.yuju.contacts import wire_ids
from conversations.errors import InvalidRequest
from conversations.rules import checks
from conversations.values.visitors import Condition, VisitorField, VisitorFilter

FILTERS_MAX = 10
NAME_MAX_CHARS, VALUE_MAX_CHARS = 64, 254
FIELDS = {
    "id": VisitorField.ID,
    "contact_id": VisitorField.ID,
    "device_id": VisitorField.ID,
    "userid": VisitorField.EXTERNAL_ID,
    "name": VisitorField.NAME,
    "contact_name": VisitorField.NAME,
    "email": VisitorField.EMAIL,
    "mobile": VisitorField.MOBILE,
    "create_time": VisitorField.CREATED_AT,
    "update_time": VisitorField.CHANGED_AT,
}
OF_TIMES = (Condition.GREATER, Condition.LESS)
OF_IDS = (Condition.EQUAL, Condition.NOT_EQUAL)


def parse(given: Sequence[Any]) -> tuple[VisitorFilter, ...]:
    """All of them have to fit. Raises InvalidRequest that names the place at fault."""
    return tuple(_parse(one, f"filter[{at}]") for at, one in enumerate(given))


def _parse(given: Any, path: str) -> VisitorFilter:
    members = checks.obj(given, path)
    key = checks.short(checks.nonempty_text(members, "filter_key", path), f"{path}.filter_key", most=NAME_MAX_CHARS)
    field = FIELDS.get(key, VisitorField.ATTRIBUTE)
    condition = _condition(members, field, path)
    if not condition.takes_value:
        return VisitorFilter(field, condition, name=key)
    at = f"{path}.filter_value"
    value = checks.short(_text(members.get("filter_value"), at), at, most=VALUE_MAX_CHARS)
    if field.is_time:
        return VisitorFilter(field, condition, times.read(value, param=at, is_end=condition is Condition.GREATER))
    if field is VisitorField.ID:
        value = wire_ids.public(value)
    return VisitorFilter(field, condition, value, name=key)


def _condition(members: dict[str, Any], field: VisitorField, path: str) -> Condition:
    at = f"{path}.filter_condition"
    word = checks.nonempty_text(members, "filter_condition", path).strip().lower()
    allowed = OF_TIMES if field.is_time else OF_IDS if field is VisitorField.ID else tuple(Condition)
    if word not in allowed:
        raise InvalidRequest(f"{at} must be one of {', '.join(allowed)}", param=at)
    return Condition(word)


def _text(value: Any, path: str) -> str:
    """A number is taken, too: mobiles and ids are often written so."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return checks.string(value, path)
