"""Journey: every route has a scope, and refuses keys without it."""

import pytest
import requests
from django.urls import get_resolver

from conversations.rules.key_rights import AICHAT, API, KEYS, OPENAI, SCOPES, YUJU
from tests.journeys.clients.aichat import new_id
from tests.journeys.routes import routes
from tests.journeys.service import Service

# The scope that a key needs for each route. A new route is one more line here.
NEEDED = {
    "aichat/conversations": AICHAT,
    "aichat/tasks": AICHAT,
    "v1/chat/completions": OPENAI,
    "v1/completions": OPENAI,
    "v1/embeddings": OPENAI,
    "v1/models": OPENAI,
    "v1/models/x": OPENAI,
    "v1/tasks": OPENAI,
    "openai/chat/completions": OPENAI,
    "openai/completions": OPENAI,
    "openai/embeddings": OPENAI,
    "openai/models": OPENAI,
    "openai/models/x": OPENAI,
    "openai/tasks": OPENAI,
    "v1/openapi/aibot-list": YUJU,
    "v1/openapi/balance": YUJU,
    "v1/openapi/chat": YUJU,
    "v1/openapi/chat_models": YUJU,
    "v1/openapi/check": YUJU,
    "v1/openapi/chat/record": YUJU,
    "v1/openapi/contacts": YUJU,
    "v1/openapi/contacts/add": YUJU,
    "v1/openapi/send-to-user": YUJU,
    "v1/openapi/cost/details": YUJU,
    "v1/openapi/exposed": YUJU,
    "v1/openapi/exposed/logs": YUJU,
    "v1/openapi/exposed/x/execute": YUJU,
    "v1/openapi/intentions": YUJU,
    "v1/openapi/kbs-add-content/x": YUJU,
    "v1/openapi/kbs-content": YUJU,
    "v1/openapi/kbs-list": YUJU,
    "v1/openapi/kbs-update-content": YUJU,
    "v1/openapi/kbs/file/list": YUJU,
    "api/v1/runs": API,
    "api/v1/runs/x": API,
    "api/v1/balance": API,
    "api/v1/runs/x/cost": API,
    "api/v1/runs/x/cancel": API,
    "api/v1/runs/x/approve": API,
    "api/v1/runs/x/refuse": API,
    "api/v1/runs/x/context": API,
    "api/v1/runs/x/stream": API,
    "api/v1/conversations": API,
    "api/v1/conversations/x": API,
    "api/v1/conversations/x/messages": API,
    "api/v1/keys": KEYS,
    "api/v1/keys/x": KEYS,
    "api/v1/keys/x/rotate": KEYS,
    "api/v1/client_tokens": API,
    "api/v1/client_tokens/revoke": API,
    "api/v1/visitor_secret": KEYS,
    "api/v1/visitor_secret/rotate": KEYS,
    "api/v1/erasures": API,
    "api/v1/erasures/x": API,
    "api/v1/knowledge/x/search": API,
    "api/v1/webhook_endpoints": API,
    "api/v1/webhook_endpoints/x": API,
    "api/v1/webhook_endpoints/x/rotate": API,
    "api/v1/callback_secret": API,
    "api/v1/callback_secret/rotate": API,
    "api/v1/events": API,
    "api/v1/knowledge": API,
    "api/v1/knowledge/x": API,
    "api/v1/knowledge/x/reindex": API,
    "api/v1/knowledge/x/documents": API,
    "api/v1/knowledge/x/documents/x": API,
    "api/v1/knowledge/x/documents/x/retry": API,
    "api/v1/upstreams": API,
    "api/v1/tools": API,
    "api/v1/tools/x": API,
    "api/v1/tools/x/try": API,
    "api/v1/visitors": API,
    "api/v1/visitors/x": API,
    "api/v1/visitors/x/merge": API,
    "api/v1/visitors/x/conversations": API,
    "api/v1/mcp_servers": API,
    "api/v1/mcp_servers/x": API,
    "api/v1/mcp_servers/x/refresh": API,
    "api/v1/assistants": API,
    "api/v1/assistants/x": API,
    "api/v1/assistants/x/versions": API,
    "api/v1/intents": API,
    "api/v1/intents/x": API,
    "api/v1/usage": API,
    "api/v1/deliveries": API,
    "api/v1/deliveries/x": API,
    "api/v1/deliveries/x/replay": API,
}
# What nobody needs a key for. The admin has sessions and permissions of its own.
OPEN = {"healthz", "readyz", "api/schema", "docs", "admin/login/"}


def test_every_route_has_a_scope_or_needs_none() -> None:
    found = dict(routes(get_resolver().url_patterns))

    assert {path: view.scope for path, view in found.items() if view and path not in OPEN} == NEEDED
    assert found.keys() - NEEDED == OPEN


@pytest.mark.usefixtures("nothing_stored_or_asked")
def test_every_route_refuses_a_key_that_lacks_its_scope(service: Service) -> None:
    lacking = {
        scope: service.create_key(new_id(), *(f"--scope={other}" for other in SCOPES if other != scope))
        for scope in (AICHAT, OPENAI, API, KEYS, YUJU)
    }

    refused = {
        (path, method): requests.request(
            method,
            f"{service.base_url}/{path}",
            headers={"Authorization": f"Bearer {lacking[NEEDED[path]]}"},
            timeout=30,
        )
        for path, view in routes(get_resolver().url_patterns)
        if path in NEEDED
        for method in ("get", "post", "patch", "put", "delete")
        if hasattr(view, method)
    }

    assert len(refused) >= len(NEEDED)
    assert {key: answer.status_code for key, answer in refused.items() if answer.status_code != 403} == {}
    assert {code_of(answer) for answer in refused.values()} == {"forbidden", "missing_scope", 403}


def code_of(answer: requests.Response) -> str | int:
    body = answer.json()
    return body["Code"] if "Code" in body else body["error"]["code"]  # type: ignore[no-any-return]
