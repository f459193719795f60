"""The turn routes of the OpenAI family: the body says whether the answer is streamed."""

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from conversations.dialects.openai.chat import parse
from conversations.dialects.openai.dialect import DIALECT
from conversations.values.runs import Format, ReplyContext
from conversations.views.openai.base import OpenAIView
from conversations.views.runs.response import RunResponse
from conversations.views.runs.view import RunView


class OpenAIRunView(OpenAIView, RunView):
    def named_model(self, fields: Mapping[str, Any]) -> str:
        return parse.named_model(fields)

    def form(self, request: HttpRequest, fields: Mapping[str, Any]) -> Format:
        return Format.SSE if fields.get("stream") else Format.JSON

    async def respond(self, run: RunResponse, context: ReplyContext, *, form: Format) -> HttpResponseBase:
        return await run.respond(DIALECT, context, form=form)
