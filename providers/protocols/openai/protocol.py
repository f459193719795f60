"""The protocol's entry for the registry: a request's type says which of its three operations is called."""

from collections.abc import Mapping
from functools import partial

from providers.calls.protocol import HttpProtocol, WireRequest
from providers.catalog import Target
from providers.errors import ProviderError
from providers.messages import ChatRequest, CompletionRequest, EmbeddingRequest, Request
from providers.protocols.openai.chat import request as chat_request
from providers.protocols.openai.chat.response import ChatReader
from providers.protocols.openai.completions import request as completion_request
from providers.protocols.openai.completions.response import CompletionReader
from providers.protocols.openai.embeddings import request as embedding_request
from providers.protocols.openai.embeddings.response import EmbeddingReader
from providers.protocols.openai.errors import mapping

STREAM, JSON = "text/event-stream", "application/json"


class OpenAiProtocol(HttpProtocol):
    def headers(self, api_key: str) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {api_key}"} if api_key else {}

    def encode(self, request: Request, target: Target) -> WireRequest:
        match request:
            case ChatRequest():
                # A stop sequence may be found before the first word, so then an empty answer is one.
                new_reader = partial(ChatReader, may_be_empty=bool(request.options.get("stop")))
                return WireRequest(chat_request.PATH, chat_request.dump(request, target), STREAM, new_reader)
            case CompletionRequest():
                body = completion_request.dump(request, target)
                return WireRequest(completion_request.PATH, body, STREAM, CompletionReader)
            case EmbeddingRequest():
                body = embedding_request.dump(request, target)
                return WireRequest(
                    embedding_request.PATH, body, JSON, partial(EmbeddingReader, inputs=len(request.inputs))
                )

    def error(
        self, *, status: int, body: bytes, target: Target, retry_after: float | None, request_id: str | None
    ) -> ProviderError:
        return mapping.from_response(
            status=status,
            body=body,
            display_name=target.display_name,
            secret=target.api_key,
            retry_after=retry_after,
            request_id=request_id,
        )


OPENAI = OpenAiProtocol()
