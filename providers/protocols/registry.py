"""Which wire format a request is written in: the one list of the siblings beside this file."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from providers.catalog import Target
from providers.messages import ChatRequest, CompletionRequest, EmbeddingRequest, Request
from providers.protocols.openai_chat import request as chat_request
from providers.protocols.openai_chat.response import ResponseReader
from providers.protocols.openai_completions import request as completion_request
from providers.protocols.openai_completions import response as completion_response
from providers.protocols.openai_embeddings import request as embedding_request
from providers.protocols.openai_embeddings import response as embedding_response

STREAM, JSON = "text/event-stream", "application/json"


@dataclass(frozen=True, slots=True)
class WireRequest:
    """A request in a vendor's words: where below its base URL it goes, what is sent, and who reads the answer."""

    path: str
    body: bytes
    accept: str
    new_reader: Callable[..., ResponseReader]


def encode(request: Request, target: Target) -> WireRequest:
    """Raises TypeError for what JSON cannot say, such as half a surrogate pair or a number of 30 digits."""
    match request:
        case ChatRequest():
            # An end that was asked for may come before the first word.
            new_reader = partial(ResponseReader, may_be_silent=bool(request.options.get("stop")))
            return WireRequest(chat_request.PATH, chat_request.dump(request, target), STREAM, new_reader)
        case CompletionRequest():
            body = completion_request.dump(request, target)
            return WireRequest(completion_request.PATH, body, STREAM, completion_response.ResponseReader)
        case EmbeddingRequest():
            body = embedding_request.dump(request, target)
            of_vectors = partial(embedding_response.ResponseReader, inputs=len(request.inputs))
            return WireRequest(embedding_request.PATH, body, JSON, of_vectors)
