"""The protocol's entry for the registry: a request's type says which of its three operations is called."""

from collections.abc import Mapping
from functools import partial

from providers.calls.protocol import HttpProtocol, WireRequest
from providers.catalog import Target
from providers.errors import ProviderError
from providers.messages import ChatRequest, CompletionRequest, EmbeddingRequest, Request
from providers.protocols.openai.chat import request as chat_request
from providers.protocols.openai.chat import response as chat_response
from providers.protocols.openai.completions import request as completion_request
from providers.protocols.openai.completions import response as completion_response
from providers.protocols.openai.embeddings import request as embedding_request
from providers.protocols.openai.embeddings import response as embedding_response
from providers.protocols.openai.errors import mapping

STREAM, JSON = "text/event-stream", "application/json"


class OpenAiProtocol(HttpProtocol):
    def headers(self, api_key: str) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {api_key}"} if api_key else {}

    def encode(self, request: Request, target: Target) -> WireRequest:
        match request:
            case ChatRequest():
                # A stop sequence may be found before the first word, so then an empty answer is one.
                new_reader = partial(chat_response.ResponseReader, may_be_empty=bool(request.options.get("stop")))
                return WireRequest(chat_request.PATH, chat_request.dump(request, target), STREAM, new_reader)
            case CompletionRequest():
                body = completion_request.dump(request, target)
                return WireRequest(completion_request.PATH, body, STREAM, completion_response.ResponseReader)
            case EmbeddingRequest():
                body = embedding_request.dump(request, target)
                of_vectors = partial(embedding_response.ResponseReader, inputs=len(request.inputs))
                return WireRequest(embedding_request.PATH, body, JSON, of_vectors)

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
