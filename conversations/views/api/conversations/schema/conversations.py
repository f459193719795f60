"""`/api/v1/conversations` in the document."""

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema

from conversations.resources.conversations import ConversationPageSerializer, ConversationSerializer
from conversations.resources.erasures import ErasureSerializer
from conversations.resources.messages import MessagePageSerializer
from conversations.views.api.conversations import conversations, messages
from conversations.views.schema.operations import describe_view
from conversations.views.schema.responses import JSON, OF_ONE, WITH_BODY, errors, page

ETAG = OpenApiParameter(
    "ETag", str, "header", response=[200], description="Of its title, and of whether it is archived."
)
ONE = {(200, JSON): OpenApiResponse(ConversationSerializer, description="The conversation as it is now.")}

describe_view(
    conversations.ConversationListView,
    get=extend_schema(
        operation_id="conversations_list",
        tags=["conversations"],
        summary="Your conversations, the last active first",
        description="A client token lists those of its visitor. Of a visitor, or with an assistant, each thousand is "
        "in this order, the last begun first.",
        parameters=[conversations.ConversationListParameters],
        responses=page(ConversationPageSerializer),
    ),
)
describe_view(
    conversations.ConversationDetailView,
    get=extend_schema(
        operation_id="conversations_get",
        tags=["conversations"],
        summary="One conversation",
        parameters=[ETAG],
        responses={**ONE, **OF_ONE},
    ),
    patch=extend_schema(
        operation_id="conversations_change",
        tags=["conversations"],
        summary="Rename or archive a conversation",
        parameters=[
            ETAG,
            OpenApiParameter(conversations.IF_MATCH, str, "header", description="Only if it still has this ETag."),
        ],
        request={JSON: conversations.ConversationChangeSerializer},
        responses={**ONE, **WITH_BODY, **errors(412)},
    ),
    delete=extend_schema(
        operation_id="conversations_delete",
        tags=["conversations"],
        summary="Delete a conversation for good",
        description="At once nobody can read it any more, and its id is never used again. Its runs stay without text.",
        responses={
            (202, JSON): OpenApiResponse(ErasureSerializer, description="It is long: it is still being erased."),
            204: OpenApiResponse(description="Everything of it is erased."),
            **errors(400, 401, 403, 404, 405, 409, 429, 503),
        },
    ),
)
describe_view(
    messages.MessageListView,
    get=extend_schema(
        operation_id="conversations_messages",
        tags=["conversations"],
        summary="What was said in a conversation, on all branches",
        parameters=[messages.MessageListParameters],
        responses={**page(MessagePageSerializer), **errors(404)},
    ),
)
