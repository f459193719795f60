"""What a customer may say of its visitors: the ids that it has for them, and what else it knows (docs/contract D.4)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from conversations.errors import InvalidRequest
from conversations.rules import checks, texts

EXTERNAL_ID_MAX_CHARS = 128
# An event has all of them, and is shorter than 20,000 bytes.
EXTERNAL_IDS_MOST = 16
COLUMNS = {"name": 200, "email": 254, "mobile": 50}
ATTRIBUTES_MOST, ATTRIBUTES_MAX_BYTES = 64, 8_192


@dataclass(frozen=True, slots=True)
class VisitorFields:
    """What has a column of its own, and the rest."""

    name: str = ""
    email: str = ""
    mobile: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict)


def is_external_id(text: str) -> bool:
    """Whether a visitor may have this id: for fields that have another use, too, as `user` of `/v1`."""
    return bool(text.strip()) and len(text) <= EXTERNAL_ID_MAX_CHARS


def external_id(text: str, *, param: str) -> str:
    """The id itself. Raises InvalidRequest."""
    if not is_external_id(texts.storable(text, param=param)):
        checks.refuse(param, f"must have from 1 to {EXTERNAL_ID_MAX_CHARS} characters, not only spaces")
    return text


def of_attributes(given: Mapping[str, Any], *, param: str) -> VisitorFields:
    """An object of attributes, in which name, email and mobile are those of the visitor. Raises InvalidRequest."""
    known = {
        name: column(name, given[name], param=f"{param}.{name}") for name in COLUMNS if given.get(name) is not None
    }
    rest = {name: value for name, value in given.items() if name not in COLUMNS}
    return VisitorFields(**known, attributes=attributes(rest, param=param))


def column(name: str, value: Any, *, param: str) -> str:
    """The value of a column, of which a number is taken too: mobiles are often written so. Raises InvalidRequest."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    return checks.short(checks.string(value, param), param, most=COLUMNS[name]).strip()


def own_attributes(given: Mapping[str, Any], *, param: str) -> Mapping[str, Any]:
    """Those beside the columns, where these have fields of their own. Raises InvalidRequest."""
    if named := sorted(COLUMNS.keys() & given.keys()):
        checks.refuse(f"{param}.{named[0]}", "is a field of its own")
    return attributes(given, param=param)


def attributes(given: Mapping[str, Any], *, param: str) -> Mapping[str, Any]:
    """Raises InvalidRequest."""
    checks.obj(given, param, most=ATTRIBUTES_MOST)
    texts.storable_json(given, param=param)
    try:
        size = len(orjson.dumps(given))
    except orjson.JSONEncodeError as exc:
        raise InvalidRequest(f"{param} contains a number that is too large", param=param) from exc
    if size > ATTRIBUTES_MAX_BYTES:
        checks.refuse(param, f"is longer than {ATTRIBUTES_MAX_BYTES} bytes")
    return given
