"""`/v1/openapi/contacts` in the document."""

from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema

from conversations.dialects.yuju.contacts.contact import ATTRIBUTES
from conversations.views.schema.components import Json, nullable, object_of
from conversations.views.schema.operations import describe_view
from conversations.views.schema.responses import JSON
from conversations.views.yuju.contacts import contacts
from conversations.views.yuju.schema.shapes import OF_ONE, WITH_BODY, succeeded

TEXT: Json = {"type": "string"}
MAYBE = nullable(TEXT)
ANYTHING: Json = {}
CONTACT = object_of(
    {
        "id": {"type": "string", "description": "32 hexadecimal digits."},
        "contact_id": {"type": "string", "description": "As `id`."},
        "device_id": {"type": "string", "description": "As `id`."},
        "userid": {**MAYBE, "description": "Your own id of it: the `visitorId` of a chat."},
        "name": TEXT,
        "contact_name": MAYBE,
        "email": MAYBE,
        "mobile": MAYBE,
        "conversation_id": {**MAYBE, "description": "Its newest conversation, where one contact is asked for."},
        "message_id": {"type": "null"},
        "create_time": {"type": "string", "description": "`YYYY-MM-DD HH:MM:SS`, UTC."},
        "update_time": {"type": "string", "description": "`YYYY-MM-DD HH:MM:SS`, UTC."},
        "custom": {"type": "object", "additionalProperties": True},
        **dict.fromkeys(ATTRIBUTES, ANYTHING),
    }
)
ADDED = object_of({"id": TEXT})
LISTED = object_of({"email": MAYBE, "id": TEXT, "mobile": MAYBE, "name": TEXT})
FOUND = OpenApiResponse(succeeded({"type": "array", "items": LISTED}), description="The newest 100 at most.")
SEARCHED = OpenApiExample(
    "By name",
    value={"filter": [{"filter_key": "name", "filter_condition": "equal", "filter_value": "访客290"}]},
    request_only=True,
    media_type=JSON,
)

describe_view(
    contacts.ContactsView,
    get=extend_schema(
        operation_id="yuju_contacts_get",
        tags=["yuju"],
        summary="One contact",
        parameters=[contacts.ContactParameters],
        responses={(200, JSON): OpenApiResponse(succeeded(CONTACT), description="The contact."), **OF_ONE},
    ),
    post=extend_schema(
        operation_id="yuju_contacts_search",
        tags=["yuju"],
        summary="Search contacts",
        description="All filters have to fit. `filter_key` is a member of a contact, or a name in `custom`; "
        "`filter_condition` is `equal`, `not_equal`, `contain`, `not_contain`, `begin_with`, `empty`, `not_empty`, "
        "`greater` or `less`. What is not a whole name, email, mobile, id or userid is looked for among the newest "
        "10,000 contacts that the others leave.",
        request={JSON: contacts.ContactSearchSerializer},
        responses={(200, JSON): FOUND, **WITH_BODY},
        examples=[SEARCHED],
    ),
    put=extend_schema(
        operation_id="yuju_contacts_change",
        tags=["yuju"],
        summary="Change a contact",
        description="What is not given stays as it is; null clears it.",
        request={JSON: contacts.ContactChangeSerializer},
        responses={(200, JSON): OpenApiResponse(succeeded(CONTACT), description="As it is now."), **WITH_BODY},
    ),
    delete=extend_schema(
        operation_id="yuju_contacts_delete",
        tags=["yuju"],
        summary="Delete a contact",
        description="With all its conversations.",
        request={JSON: contacts.ContactNamedSerializer},
        responses={(200, JSON): OpenApiResponse(succeeded(CONTACT), description="As it was."), **WITH_BODY},
    ),
)
describe_view(
    contacts.ContactAddView,
    post=extend_schema(
        operation_id="yuju_contacts_add",
        tags=["yuju"],
        summary="Make a contact",
        request={JSON: contacts.ContactAddSerializer},
        responses={
            (200, JSON): OpenApiResponse(succeeded(ADDED), description="Its id."),
            **WITH_BODY,
        },
    ),
)
