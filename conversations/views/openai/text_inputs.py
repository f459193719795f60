"""The routes for texts without messages, completions and embeddings: no conversation keeps their turns."""

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

from django.http import HttpRequest

from conversations.values.requests import RunRequest
from conversations.views.openai.run_view import OpenAIRunView


class RequestParser(Protocol):
    """A module of the dialect for one such route."""

    def parse(self, fields: Mapping[str, Any]) -> RunRequest: ...


class BareTextView(OpenAIRunView):
    """`parser` makes a RunRequest of the fields that `serializer` has checked."""

    parser: ClassVar[RequestParser]

    def parse(self, request: HttpRequest, *, body: Mapping[str, Any], fields: Mapping[str, Any]) -> RunRequest:
        return self.parser.parse(fields)
