"""`/api/v1/intents` in the document."""

from drf_spectacular.utils import extend_schema

from conversations.resources.intents import DeletedIntentSerializer, IntentPageSerializer, IntentSerializer
from conversations.views.api.assistants import intents
from conversations.views.api.pages import CursorParameters
from conversations.views.schema.operations import body_example, describe_view
from conversations.views.schema.responses import JSON, OF_ONE, WITH_BODY, one, page

describe_view(
    intents.IntentListView,
    get=extend_schema(
        operation_id="intents_list",
        tags=["intents"],
        summary="Your intents, newest first",
        parameters=[CursorParameters],
        responses=page(IntentPageSerializer),
    ),
    post=extend_schema(
        operation_id="intents_create",
        tags=["intents"],
        summary="Make an intent",
        request={JSON: intents.IntentCreateSerializer},
        examples=[body_example("An intent", {"name": "Price", "examples": ["What does it cost?", "How much is it?"]})],
        responses=one(IntentSerializer, "The intent.", WITH_BODY, status=201),
    ),
)
describe_view(
    intents.IntentDetailView,
    get=extend_schema(
        operation_id="intents_get",
        tags=["intents"],
        summary="One intent",
        responses=one(IntentSerializer, "The intent.", OF_ONE),
    ),
    patch=extend_schema(
        operation_id="intents_change",
        tags=["intents"],
        summary="Change an intent",
        description="What is null, or not given, stays as it is. `examples` replace all that there were.",
        request={JSON: intents.IntentChangeSerializer},
        responses=one(IntentSerializer, "The intent as it is now.", WITH_BODY),
    ),
    delete=extend_schema(
        operation_id="intents_delete",
        tags=["intents"],
        summary="Delete an intent",
        description="Runs keep its id and name; assistants that name it go on without it.",
        responses=one(DeletedIntentSerializer, "It is gone.", OF_ONE),
    ),
)
