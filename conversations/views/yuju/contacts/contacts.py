"""`/v1/openapi/contacts` (docs/contract D.8): the account's visitors. POST there searches; `/add` makes one."""

from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework import serializers

from conversations.dialects.yuju.contacts import contact, filters, wire_ids
from conversations.dialects.yuju.contacts.contact import ContactGiven, ContactShown
from conversations.dialects.yuju.contacts.filters import FILTERS_MAX
from conversations.errors import InvalidRequest
from conversations.models import Visitor
from conversations.queries.visitors import contact_search, dialogues
from conversations.queries.visitors import visitors as visitor_queries
from conversations.rules.conversations import visitor_fields
from conversations.services.erasures import begin
from conversations.services.visitors import visitors
from conversations.services.visitors.visitors import VisitorChange
from conversations.values.visitors import VisitorFilter
from conversations.views.bodies import parameters, request_body
from conversations.views.bodies.fields import JsonField, ListField, ObjectField
from conversations.views.http import rate_limits, threadpool
from conversations.views.yuju.base import YujuView, succeed
from conversations.views.yuju.fields import IdField

ID_MAX_CHARS = 128
CONTACT = "contact"


class ContactFieldsSerializer(serializers.Serializer[Any]):
    contact = ObjectField(
        required=False,
        allow_null=True,
        help_text="name, email, mobile, userid (your own id of it, the `visitorId` of a chat), avatar, …",
    )
    channel = JsonField(required=False, allow_null=True)
    company = JsonField(required=False, allow_null=True, help_text="Its name, or an object.")
    custom = ObjectField(required=False, allow_null=True, help_text="Whatever else you want to keep of it.")


class ContactAddSerializer(ContactFieldsSerializer):
    contact = ObjectField(help_text="name, email, mobile, userid (your own id of it, the `visitorId` of a chat), …")


class ContactNamedSerializer(serializers.Serializer[Any]):
    contact_id = IdField(most=ID_MAX_CHARS)


class ContactChangeSerializer(ContactNamedSerializer, ContactFieldsSerializer):
    pass


class ContactSearchSerializer(serializers.Serializer[Any]):
    filter = ListField(child=ObjectField(), most=FILTERS_MAX, required=False, allow_null=True)


class ContactParameters(serializers.Serializer[Any]):
    contact_id = IdField(most=ID_MAX_CHARS)


ADD, CHANGE, NAMED, SEARCH = (
    ContactAddSerializer(),
    ContactChangeSerializer(),
    ContactNamedSerializer(),
    ContactSearchSerializer(),
)
PARAMETERS = ContactParameters()


class ContactsView(YujuView):
    async def get(self, request: HttpRequest) -> HttpResponseBase:
        caller = await self.admit(request)
        asked = parameters.read(PARAMETERS, request.GET.dict())
        return succeed(await threadpool.call(_one, account_id=caller.account_id, contact_id=_id(asked)))

    async def post(self, request: HttpRequest) -> HttpResponseBase:
        """A search."""
        caller = await self.admit(request, amount=rate_limits.EXPENSIVE)
        fields = await request_body.read_fields(request, SEARCH, caller=caller, may_be_empty=True)
        await self.admit_again(request)
        asked = filters.parse(fields.get("filter", ()))
        return succeed(await threadpool.call(_found, account_id=caller.account_id, asked=asked))

    async def put(self, request: HttpRequest) -> HttpResponseBase:
        caller = await self.admit(request)
        fields = await request_body.read_fields(request, CHANGE, caller=caller)
        await self.admit_again(request)
        given = contact.parse(fields)
        return succeed(
            await threadpool.call(_changed, account_id=caller.account_id, contact_id=_id(fields), given=given)
        )

    async def delete(self, request: HttpRequest) -> HttpResponseBase:
        """Answers with the contact as it was."""
        caller = await self.admit(request)
        fields = await request_body.read_fields(request, NAMED, caller=caller)
        await self.admit_again(request)
        by = f"API key {caller.api_key_id}"
        return succeed(await threadpool.call(_deleted, account_id=caller.account_id, contact_id=_id(fields), by=by))


class ContactAddView(YujuView):
    async def post(self, request: HttpRequest) -> HttpResponseBase:
        caller = await self.admit(request)
        fields = await request_body.read_fields(request, ADD, caller=caller)
        await self.admit_again(request)
        given = contact.parse(fields)
        visitor = await threadpool.call(
            visitors.create,
            caller=caller,
            external_id=given.userid,
            fields=visitor_fields.of_attributes(_present(given), param=CONTACT),
        )
        return succeed({"id": wire_ids.shown(visitor.public_id)})


def _id(fields: dict[str, Any]) -> str:
    return wire_ids.public(fields["contact_id"])


def _present(given: ContactGiven) -> dict[str, Any]:
    return {name: value for name, value in {**given.attributes, **given.columns}.items() if value is not None}


def _one(*, account_id: int, contact_id: str) -> dict[str, Any]:
    visitor = visitor_queries.for_account(account_id=account_id, visitor_id=contact_id)
    newest = dialogues.page(account_id=account_id, visitor_id=contact_id, cursor=None, limit=1).rows
    return contact.shown(_shown(visitor, conversation_id=newest[0].conversation.public_id if newest else ""))


def _found(*, account_id: int, asked: tuple[VisitorFilter, ...]) -> list[dict[str, Any]]:
    return contact.listed(map(_listed, contact_search.search(account_id=account_id, filters=asked)))


def _changed(*, account_id: int, contact_id: str, given: ContactGiven) -> dict[str, Any]:
    """Only what was given. Its id of the customer's own is what turns are found by, so it stays."""
    if given.userid:
        known = visitor_queries.for_account(account_id=account_id, visitor_id=contact_id)
        if given.userid not in _external_ids(known):
            raise InvalidRequest("contact.userid cannot be changed", param="contact.userid")
    columns: dict[str, Any] = {name: "" if value is None else value for name, value in given.columns.items()}
    change = VisitorChange(**columns, more=given.attributes)
    return contact.shown(_shown(visitors.change(account_id=account_id, visitor_id=contact_id, change=change)))


def _deleted(*, account_id: int, contact_id: str, by: str) -> dict[str, Any]:
    shown = _one(account_id=account_id, contact_id=contact_id)
    begin.delete_visitor(account_id=account_id, visitor_id=contact_id, requested_by=by)
    return shown


def _shown(visitor: Visitor, *, conversation_id: str = "") -> ContactShown:
    return ContactShown(
        public_id=visitor.public_id,
        external_ids=_external_ids(visitor),
        name=visitor.name,
        email=visitor.email,
        mobile=visitor.mobile,
        attributes=visitor.attributes,
        created_at=visitor.created_at,
        changed_at=visitor.changed_at,
        conversation_id=conversation_id,
    )


def _listed(visitor: Visitor) -> ContactShown:
    """Without its ids, which a list does not show."""
    return ContactShown(
        visitor.public_id, (), visitor.name, visitor.email, visitor.mobile, {}, visitor.created_at, visitor.changed_at
    )


def _external_ids(visitor: Visitor) -> tuple[str, ...]:
    """In the order in which they were given. They should be loaded."""
    return tuple(one.external_id for one in sorted(visitor.identities.all(), key=lambda one: one.pk))
