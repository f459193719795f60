"""`POST /v1/completions` (docs/contract C.7): texts continued, whole or streamed. Never stored."""

from typing import ClassVar

from conversations.dialects.openai import completions
from conversations.values.requests import Operation
from conversations.views.openai.serializers import CompletionSerializer
from conversations.views.openai.text_inputs import BareTextView, RequestParser


class CompletionsView(BareTextView):
    serializer = CompletionSerializer()
    operation: ClassVar[Operation] = Operation.COMPLETION
    parser: ClassVar[RequestParser] = completions
