"""What the routes have in common whose turns no conversation keeps."""

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

from django.http import HttpRequest

from conversations.values.requests import RunRequest
from conversations.views.openai.questions import OpenAIRunView


class Asking(Protocol):
    """The dialect's module for the route."""

    def turn(self, fields: Mapping[str, Any]) -> RunRequest: ...


class BareTextView(OpenAIRunView):
    """`dialect` makes a turn of the fields that `serializer` has checked."""

    dialect: ClassVar[Asking]

    def parse(self, request: HttpRequest, *, body: Mapping[str, Any], fields: Mapping[str, Any]) -> RunRequest:
        return self.dialect.turn(fields)
