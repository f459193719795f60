"""`/v1/openapi/kbs…` in the document."""

from drf_spectacular.utils import extend_schema

from conversations.views.schema.operations import describe_view
from conversations.views.schema.responses import JSON, errors
from conversations.views.yuju.knowledge import bases, contents, files, passages
from conversations.views.yuju.schema.shapes import OF_ONE, REFUSED, WITH_BODY, YUJU_ERROR, answer

BUSY = errors(409, body=YUJU_ERROR)

describe_view(
    bases.BaseListView,
    get=extend_schema(
        operation_id="yuju_kbs_list",
        tags=["yuju"],
        summary="Your knowledge bases, newest first",
        parameters=[bases.BaseListParameters],
        responses={
            **answer(
                bases.YujuKnowledgeBaseSerializer(many=True), name="YujuKnowledgeBases", description="At most 1000."
            ),
            **REFUSED,
        },
    ),
)
describe_view(
    passages.PassageListView,
    get=extend_schema(
        operation_id="yuju_kbs_content",
        tags=["yuju"],
        summary="Search a knowledge base",
        parameters=[passages.PassageParameters],
        responses={
            **answer(
                passages.YujuPassageSerializer(many=True), name="YujuPassages", description="The best passages first."
            ),
            **OF_ONE,
        },
    ),
)
describe_view(
    files.FileListView,
    get=extend_schema(
        operation_id="yuju_kbs_file_list",
        tags=["yuju"],
        summary="The files of a knowledge base, newest first",
        parameters=[files.FileListParameters],
        responses={
            **answer(files.YujuFilePageSerializer(), name="YujuFiles", description="One page."),
            **OF_ONE,
        },
    ),
)
describe_view(
    contents.ContentAddView,
    post=extend_schema(
        operation_id="yuju_kbs_add_content",
        tags=["yuju"],
        summary="Add a text, or a file at a URL, to a knowledge base",
        description="It is queued. The same again, under the same title, is the same file.",
        request={JSON: contents.ContentAddSerializer},
        responses={
            **answer(files.YujuFileSerializer(), name="YujuAddedFile", description="The file, which is queued."),
            **WITH_BODY,
        },
    ),
)
describe_view(
    contents.ContentUpdateView,
    put=extend_schema(
        operation_id="yuju_kbs_update_content",
        tags=["yuju"],
        summary="Replace a file of a knowledge base by what is at a URL",
        description="It keeps its id, and is queued: until it has been read, searches find nothing of it.",
        request={JSON: contents.ContentUpdateSerializer},
        responses={
            **answer(files.YujuFileSerializer(), name="YujuUpdatedFile", description="The file, which is queued."),
            **WITH_BODY,
            **BUSY,
        },
    ),
)
