"""`POST /v1/embeddings` (api-contract.md C.7): texts to vectors. Never stored."""

from typing import ClassVar

from conversations.dialects.openai import embeddings
from conversations.turns import Operation
from conversations.views.openai.bare_texts import Asking, BareTextView
from conversations.views.openai.serializers import EmbeddingSerializer


class EmbeddingsView(BareTextView):
    serializer = EmbeddingSerializer()
    operation: ClassVar[Operation] = Operation.EMBEDDING
    dialect: ClassVar[Asking] = embeddings
