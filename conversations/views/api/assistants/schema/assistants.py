"""`/api/v1/assistants` in the document."""

from drf_spectacular.utils import extend_schema

from conversations.resources.assistants import (
    AssistantPageSerializer,
    AssistantSerializer,
    DeletedAssistantSerializer,
)
from conversations.views.api.assistants import assistants, versions
from conversations.views.api.pages import CursorParameters
from conversations.views.schema.operations import body_example, describe_view
from conversations.views.schema.responses import JSON, OF_ONE, WITH_BODY, errors, one, page

describe_view(
    assistants.AssistantListView,
    get=extend_schema(
        operation_id="assistants_list",
        tags=["assistants"],
        summary="Your assistants, newest first",
        parameters=[CursorParameters],
        responses=page(AssistantPageSerializer),
    ),
    post=extend_schema(
        operation_id="assistants_create",
        tags=["assistants"],
        summary="Make an assistant",
        request={JSON: assistants.AssistantCreateSerializer},
        examples=[
            body_example(
                "An assistant",
                {"name": "Helper", "kind": "dialogue", "model": "echo", "prompt": "Answer in one sentence."},
            )
        ],
        responses=one(AssistantSerializer, "The assistant.", WITH_BODY, status=201),
    ),
)
describe_view(
    assistants.AssistantDetailView,
    get=extend_schema(
        operation_id="assistants_get",
        tags=["assistants"],
        summary="One assistant, in its newest version or in another",
        parameters=[assistants.AssistantParameters],
        responses=one(AssistantSerializer, "The assistant.", OF_ONE),
    ),
    patch=extend_schema(
        operation_id="assistants_change",
        tags=["assistants"],
        summary="Change an assistant",
        description="What is changed makes a new version, which all turns from now on use.",
        request={JSON: assistants.AssistantChangeSerializer},
        responses=one(AssistantSerializer, "The assistant as it is now.", WITH_BODY),
    ),
    delete=extend_schema(
        operation_id="assistants_delete",
        tags=["assistants"],
        summary="Delete an assistant with its versions",
        description="Its conversations stay.",
        responses=one(DeletedAssistantSerializer, "It is gone.", OF_ONE),
    ),
)
describe_view(
    versions.AssistantVersionListView,
    get=extend_schema(
        operation_id="assistants_versions_list",
        tags=["assistants"],
        summary="The versions of an assistant, newest first",
        parameters=[versions.VersionPageParameters],
        responses={**page(AssistantPageSerializer), **errors(404)},
    ),
)
