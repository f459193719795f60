"""The turn routes of the OpenAI family: the body says whether the answer is streamed."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.http import HttpRequest

from conversations.dialects.dialect import Dialect
from conversations.dialects.openai.dialect import DIALECT
from conversations.dialects.openai.shared import request_fields
from conversations.values.runs import Format
from conversations.views.openai.base import OpenAIView
from conversations.views.runs.view import RunView


class OpenAIRunView(OpenAIView, RunView):
    dialect: ClassVar[Dialect] = DIALECT

    def named_model(self, fields: Mapping[str, Any]) -> str:
        return request_fields.named_model(fields)

    def answer_format(self, request: HttpRequest, fields: Mapping[str, Any]) -> Format:
        return Format.SSE if fields.get("stream") else Format.JSON
