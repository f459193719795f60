"""A contact: what is said of it when it is made or changed, and how it is shown (docs/contract D.8).

A visitor has a name, an email and a mobile of its own. Everything else that a contact has is among its attributes: what
the documents name under its own name, and what the customer made up beside it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from conversations.dialects.yuju import times
from conversations.dialects.yuju.contacts import wire_ids
from conversations.errors import InvalidRequest

COLUMNS = ("name", "email", "mobile")
# Of a contact's own members those that are kept as attributes.
KEPT = ("avatar", "chatid", "company", "company_address", "company_website", "companyid", "open_id", "product_name")
KEPT_OF_ROOM = ("roomTopic", "room_id")
ATTRIBUTES = (*KEPT, *KEPT_OF_ROOM)
# What a contact has and nobody gives it.
OURS = ("id", "contact_id", "conversation_id", "message_id", "device_id", "create_time", "update_time")
CHANNEL = "channel"
COMPANY, COMPANY_ID = "company", "companyid"


@dataclass(frozen=True, slots=True)
class ContactGiven:
    """`columns` are name, email and mobile as far as they are given, `attributes` all else; None clears one.

    `userid`: the customer's id of it.
    """

    columns: Mapping[str, Any] = field(default_factory=dict)
    attributes: Mapping[str, Any] = field(default_factory=dict)
    userid: str = ""


@dataclass(frozen=True, slots=True)
class ContactShown:
    """What of a visitor is shown. `conversation_id`: its newest conversation, "" for none or where nobody looked."""

    public_id: str
    external_ids: tuple[str, ...]
    name: str
    email: str
    mobile: str
    attributes: Mapping[str, Any]
    created_at: datetime
    changed_at: datetime
    conversation_id: str = ""


def parse(fields: Mapping[str, Any]) -> ContactGiven:
    """Of the body's `contact`, `channel`, `company` and `custom`. Raises InvalidRequest."""
    contact = _object(fields, "contact")
    custom = _object(fields, "custom")
    values: dict[str, Any] = {name: value for name, value in custom.items() if name not in OURS}
    values |= _company(fields.get(COMPANY))
    if (channel := fields.get(CHANNEL)) is not None and channel != {}:
        values[CHANNEL] = channel
    values |= {name: value for name, value in contact.items() if name not in (*OURS, "userid", "contact_name")}
    if "contact_name" in contact:
        values.setdefault("name", contact["contact_name"])
    columns = {name: value for name, value in values.items() if name in COLUMNS}
    attributes = {name: value for name, value in values.items() if name not in COLUMNS}
    return ContactGiven(columns, attributes, _userid(contact.get("userid")))


def _object(fields: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    given = fields.get(name)
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise InvalidRequest(f"{name} must be an object", param=name)
    return given


def _company(given: Any) -> dict[str, Any]:
    """Its name, or an object: `name` and `id` have members of their own, all others begin with `company_`."""
    if given is None or isinstance(given, str):
        return {COMPANY: given} if given else {}
    if not isinstance(given, dict):
        raise InvalidRequest(f"{COMPANY} must be a text or an object", param=COMPANY)
    renamed = {"name": COMPANY, "id": COMPANY_ID}
    return {
        renamed.get(name, name if name.startswith(COMPANY) else f"{COMPANY}_{name}"): value
        for name, value in given.items()
    }


def _userid(given: Any) -> str:
    if given is None or given == "":
        return ""
    if isinstance(given, bool) or not isinstance(given, str | int):
        raise InvalidRequest("contact.userid must be a text", param="contact.userid")
    return str(given)


def shown(contact: ContactShown) -> dict[str, Any]:
    """All members that the documents name, in their order, and besides the customer's own attributes as `custom`."""
    contact_id = wire_ids.shown(contact.public_id)
    attributes = {name: contact.attributes.get(name) for name in ATTRIBUTES}
    members = {
        **attributes,
        "contact_id": contact_id,
        "contact_name": contact.name or None,
        "conversation_id": contact.conversation_id or None,
        "create_time": times.shown(contact.created_at),
        # As in the documents' samples: a contact is its own device.
        "device_id": contact_id,
        "email": contact.email or None,
        "id": contact_id,
        "message_id": None,
        "mobile": contact.mobile or None,
        "name": contact.name,
        "update_time": times.shown(contact.changed_at),
        "userid": next(iter(contact.external_ids), None),
    }
    custom = {name: value for name, value in contact.attributes.items() if name not in ATTRIBUTES}
    return {**{name: members[name] for name in sorted(members, key=str.lower)}, "custom": custom}


def listed(contacts: Iterable[ContactShown]) -> list[dict[str, Any]]:
    return [
        {
            "email": contact.email or None,
            "id": wire_ids.shown(contact.public_id),
            "mobile": contact.mobile or None,
            "name": contact.name,
        }
        for contact in contacts
    ]
