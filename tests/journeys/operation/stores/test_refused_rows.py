"""Journey: a row that the database refuses to a change through the API: a 500 in the family's shape, and nothing else.

Nothing of what the account has is changed, nothing of it is in the log, and the same request succeeds later.
"""

import contextlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
import requests

from tests.fakes.receiver import Receiver, answers
from tests.fakes.refused_rows import refusing
from tests.fakes.replies import Json
from tests.journeys.clients import aichat, webhooks, yuju
from tests.journeys.clients.aichat import TIMEOUT_SECONDS, Api, new_id
from tests.journeys.clients.webhooks import call
from tests.journeys.rows import BY_UPKEEP, Rows
from tests.journeys.service import Service
from tests.waiting import eventually

MARK = "沉默的词"
V1, YUJU = "api/v1", "v1/openapi"
SCOPES = [f"--scope={scope}" for scope in ("aichat", "openai", "yuju", "api", "keys")]
# What goes on by itself: news of visitors that were made before is sent.
BY_OTHERS = (*BY_UPKEEP, "delivery", "webhookendpoint")
SENT = {"user_id": "{known}", "bot_id": "{assistant}"}
TABLES = "SELECT table_name AS name FROM information_schema.columns WHERE column_name = 'account_id'"


class Change(NamedTuple):
    """What is refused of a table while a request is sent. `{…}` in its path is an id of a thing there is."""

    what: str
    table: str
    method: str
    path: str
    body: Json


CHANGES = (
    Change("INSERT", "assistant", "POST", f"{V1}/assistants", {"name": "{mark}", "default": True}),
    Change("INSERT", "assistantversion", "POST", f"{V1}/assistants", {"name": "{mark}", "default": True}),
    Change(
        "INSERT", "assistantversion", "PATCH", f"{V1}/assistants/{{assistant}}", {"name": "{mark}", "default": True}
    ),
    Change("UPDATE", "assistant", "PATCH", f"{V1}/assistants/{{assistant}}", {"name": "{mark}", "default": True}),
    Change("UPDATE", "assistant", "DELETE", f"{V1}/assistants/{{assistant}}", {}),
    Change("INSERT", "assistantversion", "GET", f"{YUJU}/aibot-list", {}),
    Change("INSERT", "intent", "POST", f"{V1}/intents", {"name": "{mark}", "examples": ["{mark}"]}),
    Change("UPDATE", "intent", "PATCH", f"{V1}/intents/{{intent}}", {"name": "{mark}", "examples": ["{mark}"]}),
    Change("DELETE", "intent", "DELETE", f"{V1}/intents/{{intent}}", {}),
    Change("INSERT", "visitorsecret", "POST", f"{V1}/client_tokens", {"visitor": "{mark}"}),
    Change("INSERT", "visitorsecret", "POST", f"{V1}/visitor_secret/rotate", {}),
    Change("INSERT", "tokenrevocation", "POST", f"{V1}/client_tokens/revoke", {"visitor": "{known}"}),
    Change("INSERT", "tokenrevocation", "DELETE", f"{V1}/visitors/{{visitor}}", {}),
    Change("INSERT", "visitoridentity", "POST", f"{V1}/visitors", {"external_id": "{mark}", "name": "{mark}"}),
    Change("INSERT", "event", "POST", f"{V1}/visitors", {"external_id": "{mark}", "name": "{mark}"}),
    Change(
        "INSERT", "visitoridentity", "POST", f"{YUJU}/contacts/add", {"contact": {"userid": "{mark}", "name": "{mark}"}}
    ),
    Change("UPDATE", "visitor", "PUT", f"{YUJU}/contacts", {"contact_id": "{visitor}", "contact": {"name": "{mark}"}}),
    Change("INSERT", "tokenrevocation", "DELETE", f"{YUJU}/contacts", {"contact_id": "{visitor}"}),
    Change("INSERT", "message", "POST", f"{YUJU}/send-to-user", {**SENT, "content": "{mark}"}),
    Change("INSERT", "dialogue", "POST", f"{YUJU}/send-to-user", {**SENT, "content": "{mark}"}),
    *(
        Change("INSERT", table, "POST", f"{YUJU}/kbs-add-content/{{base}}", {"c_type": 1, "content": "{mark}"})
        for table in ("document", "documentcontent", "indexingjob")
    ),
    *(
        Change(
            *(what, table, "PUT", f"{YUJU}/kbs-update-content"),
            {"repo_id": "{base}", "file_id": "{file}", "file_url": "{url}"},
        )
        for what, table in (("UPDATE", "document"), ("INSERT", "indexingjob"))
    ),
    Change("UPDATE", "conversation", "PATCH", f"{V1}/conversations/{{conversation}}", {"title": "{mark}"}),
)


@pytest.fixture(scope="module")
def web_server() -> Iterator[Receiver]:
    with Receiver() as running:
        running.default = answers(200, b"Herons", {"Content-Type": "text/plain"})
        yield running


@pytest.fixture
def owner(service: Service, web_server: Receiver) -> Api:
    """Of an account that is told of new visitors."""
    api = Api(service.base_url, service.create_key(new_id(), *SCOPES))
    webhooks.make(api, web_server.url, "visitor.created")
    return api


def things_of(owner: Api, url: str) -> Json:
    """What the account has, by the names in `CHANGES`."""
    visitor = {"external_id": new_id()}
    return {
        "url": url,
        "mark": f"{MARK} {new_id()}",
        "known": visitor["external_id"],
        "visitor": call(owner, "POST", "visitors", status=201, json=visitor)["id"],
        "assistant": call(owner, "POST", "assistants", status=201, json={"name": "Helper", "model": "echo"})["id"],
        "intent": call(owner, "POST", "intents", status=201, json={"name": "Birds"})["id"],
        "conversation": owner.answer("Hi", id=new_id(), model="echo")["id"],
    }


def documents_of(owner: Api) -> Json:
    """A document that is indexed, and its base."""
    base = call(owner, "POST", "knowledge", status=201, json={"name": "Birds"})["id"]
    text = {"name": "first", "text": "Herons wade."}
    file = call(owner, "POST", f"knowledge/{base}/documents", status=202, json=text)["id"]
    eventually(lambda: call(owner, "GET", f"knowledge/{base}/documents/{file}")["status"], "ready".__eq__)
    return {"base": base, "file": file}


def filled(value: Any, things: Json) -> Any:
    """With the things in the place of their names."""
    if isinstance(value, dict):
        return {name: filled(one, things) for name, one in value.items()}
    with contextlib.suppress(AttributeError, KeyError):
        return value.format_map(things)
    return value


def send(owner: Api, change: Change, things: Json) -> requests.Response:
    url = f"{owner.base_url}/{filled(change.path, things)}"
    body = filled(change.body, things)
    return requests.request(change.method, url, json=body, headers=owner.headers, timeout=TIMEOUT_SECONDS)


def state(rows: Rows, assistant: str) -> Json:
    """How many rows its account has in each table, and a digest of them."""
    own = "(SELECT account_id FROM conversations_assistant WHERE public_id = %s)"
    tables = sorted(row["name"] for row in rows.all(TABLES))
    return {
        table: rows.all(
            f"SELECT count(*) AS n, md5(string_agg(t::text, ' ' ORDER BY t::text)) AS digest FROM {table} t "
            f"WHERE account_id = {own}",
            assistant,
        )
        for table in tables
        if not table.removeprefix("conversations_").startswith(BY_OTHERS)
    }


def family_error(change: Change, response: requests.Response) -> int:
    """Its status, if it has the family's shape."""
    return (yuju.refusal if change.path.startswith(YUJU) else aichat.refusal)(response)[0]


@pytest.mark.parametrize(
    "change", CHANGES, ids=lambda change: f"{change.what} of {change.table} in {change.method} {change.path}"
)
def test_a_change_whose_row_is_refused_leaves_nothing(
    service: Service, rows: Rows, owner: Api, web_server: Receiver, change: Change
) -> None:
    things = things_of(owner, web_server.url)
    if "/kbs-" in change.path:
        things |= documents_of(owner)
    begun = len(service.log)
    before = state(rows, things["assistant"])
    with refusing(rows.change, change.table, change.what, when="true"):
        refused = send(owner, change, things)
        after = state(rows, things["assistant"])

    assert family_error(change, refused) == 500
    assert after == before
    assert "row_refused" in service.log[begun:]
    assert MARK not in service.log[begun:]
    repeated = send(owner, change, things)
    assert repeated.ok, repeated.text
