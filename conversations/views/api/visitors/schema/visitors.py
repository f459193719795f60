"""`/api/v1/visitors` in the document."""

from drf_spectacular.utils import OpenApiResponse, extend_schema

from conversations.resources.erasures import ErasureSerializer
from conversations.resources.visitors import DialoguePageSerializer, VisitorPageSerializer, VisitorSerializer
from conversations.views.api.pages import CursorParameters
from conversations.views.api.visitors import visitors
from conversations.views.schema.operations import body_example, describe_view
from conversations.views.schema.responses import JSON, OF_ONE, WITH_BODY, errors, page

ONE = OpenApiResponse(VisitorSerializer, description="The visitor as it is now.")

describe_view(
    visitors.VisitorListView,
    get=extend_schema(
        operation_id="visitors_list",
        tags=["visitors"],
        summary="Your visitors, newest first",
        parameters=[visitors.VisitorListParameters],
        responses=page(VisitorPageSerializer),
    ),
    post=extend_schema(
        operation_id="visitors_create",
        tags=["visitors"],
        summary="Make a visitor",
        description="A turn that names one that is not there yet makes it as well.",
        request={JSON: visitors.VisitorCreateSerializer},
        examples=[body_example("A visitor", {"external_id": "user-42", "name": "Ann", "attributes": {"plan": "gold"}})],
        responses={(201, JSON): ONE, **WITH_BODY},
    ),
)
describe_view(
    visitors.VisitorDetailView,
    get=extend_schema(
        operation_id="visitors_get",
        tags=["visitors"],
        summary="One visitor",
        responses={(200, JSON): ONE, **OF_ONE},
    ),
    patch=extend_schema(
        operation_id="visitors_change",
        tags=["visitors"],
        summary="Change a visitor",
        request={JSON: visitors.VisitorChangeSerializer},
        responses={(200, JSON): ONE, **WITH_BODY},
    ),
    delete=extend_schema(
        operation_id="visitors_delete",
        tags=["visitors"],
        summary="Delete a visitor with its conversations, for good",
        description="At once nobody can read any of them any more, and its ids are free for a new visitor. Turns that "
        "go on are stopped. Its runs stay without text.",
        responses={
            (202, JSON): OpenApiResponse(ErasureSerializer, description="It has much: it is still being erased."),
            204: OpenApiResponse(description="Everything of it is deleted."),
            **errors(400, 401, 403, 404, 405, 429, 503),
        },
    ),
)
describe_view(
    visitors.VisitorMergeView,
    post=extend_schema(
        operation_id="visitors_merge",
        tags=["visitors"],
        summary="Make one visitor of two",
        description="The one in the path goes. Its ids, threads and conversations become those of `into`, and so do "
        "its attributes where that has none. Where both have a thread with an assistant, that of `into` goes on. Where "
        "there are many conversations, some are moved only after the answer.",
        request={JSON: visitors.MergeSerializer},
        responses={
            (200, JSON): OpenApiResponse(VisitorSerializer, description="The visitor that stays."),
            **WITH_BODY,
            **OF_ONE,
        },
    ),
)
describe_view(
    visitors.VisitorConversationsView,
    get=extend_schema(
        operation_id="visitors_conversations",
        tags=["visitors"],
        summary="The conversations of a visitor, newest first",
        parameters=[CursorParameters],
        responses={**page(DialoguePageSerializer), **errors(404)},
    ),
)
