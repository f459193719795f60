"""The view of the toy family and its route, beside all of the project's."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.http import HttpRequest
from django.urls import path
from rest_framework import serializers

from conversations import ids
from conversations.dialects import formats
from conversations.dialects.dialect import Dialect
from conversations.values.requests import RunRequest
from conversations.values.runs import Format
from conversations.views.bodies.fields import StrictFlagField, TextField
from conversations.views.runs.view import RunView
from project import urls
from providers.messages import Message, Role, TextPart
from tests.integration.conversations.dialects.families.toy import NAME
from tests.integration.conversations.dialects.families.toy.dialect import DIALECT


class ToySerializer(serializers.Serializer[Any]):
    say = TextField()

    def get_fields(self) -> dict[str, Any]:
        # `async` cannot be a class attribute.
        return {**super().get_fields(), "async": StrictFlagField(required=False)}


class ToyView(RunView):
    error_renderer = DIALECT.errors
    dialect: ClassVar[Dialect] = DIALECT
    serializer: ClassVar[serializers.Serializer[Any]] = ToySerializer()

    def api_key(self, request: HttpRequest) -> str | None:
        return request.GET.get("key")

    def named_model(self, fields: Mapping[str, Any]) -> str:
        return "echo"

    def parse(self, request: HttpRequest, *, body: Mapping[str, Any], fields: Mapping[str, Any]) -> RunRequest:
        return RunRequest(
            dialect=NAME,
            model="echo",
            messages=(Message(Role.USER, (TextPart(fields["say"]),)),),
            conversation_id=ids.new_conversation_id(),
            is_stored=True,
        )

    def answer_format(self, request: HttpRequest, fields: Mapping[str, Any]) -> Format:
        return formats.negotiate(request.META.get("HTTP_ACCEPT", ""))


urlpatterns = [path("toy", ToyView.as_view()), *urls.urlpatterns]
