"""`POST /v1/embeddings` (docs/contract C.7): texts to vectors. Never stored."""

from typing import ClassVar

from conversations.dialects.openai import embeddings
from conversations.values.requests import Operation
from conversations.views.openai.serializers import EmbeddingSerializer
from conversations.views.openai.text_inputs import BareTextView, RequestParser


class EmbeddingsView(BareTextView):
    serializer = EmbeddingSerializer()
    operation: ClassVar[Operation] = Operation.EMBEDDING
    parser: ClassVar[RequestParser] = embeddings
