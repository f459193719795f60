"""`GET /v1/models` and `GET /v1/models/{id}`: the models that are configured here (docs/contract C.7)."""

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from conversations import routing
from conversations.dialects.openai import models
from conversations.views.http.base import json_response
from conversations.views.openai.base import OpenAIView


class ModelListView(OpenAIView):
    async def get(self, request: HttpRequest) -> HttpResponseBase:
        caller = await self.admit(request)
        entries = routing.configured_entries(caller.models)
        data = [models.model(name=entry.name, owner=entry.vendor.name) for entry in entries]
        return json_response({"object": "list", "data": data})


class ModelDetailView(OpenAIView):
    async def get(self, request: HttpRequest, model: str) -> HttpResponseBase:
        """`model` may hold slashes: OpenRouter's names do."""
        caller = await self.admit(request)
        entry = routing.entry_for(model, patterns=caller.models)
        return json_response(models.model(name=entry.name, owner=entry.vendor.name))
