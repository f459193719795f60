"""HTTP tools: checked, unique by name, and their headers kept for the server that they were given for."""

from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from conversations import encryption, errors
from conversations.errors import InvalidRequest
from conversations.models import Account, Tool
from conversations.outbound.guard import CheckedUrl
from conversations.queries.tools import tools as tool_queries
from conversations.services.erasures import begin
from conversations.services.tools import tools
from conversations.services.tools.tools import ToolFields
from tests import builders
from tests.builders.tools import URL

pytestmark = pytest.mark.django_db

SECRET = "Bearer tool-secret-0123456789"
PARAMETERS = {"type": "object", "properties": {"id": {"type": "string"}}}


def change(owner: Account, tool: Tool, **fields: Any) -> Tool:
    return tools.change(account_id=owner.pk, tool_id=tool.public_id, fields=ToolFields(**fields))


def stored() -> str:
    """The rows of all tools, as text."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT string_agg(t::text, ' ') FROM conversations_tool t")
        return str(cursor.fetchone()[0])


def test_what_is_not_said_is_usual(ann: Account) -> None:
    tool = builders.tools.tool(ann)

    assert (tool.method, tool.arguments_in, tool.parameters) == ("POST", "body", {"type": "object", "properties": {}})
    assert (tool.is_idempotent, tool.needs_approval, tool.is_enabled) == (False, False, True)
    assert (tool.timeout_seconds, tool.header_names, tool.description) == (30, [], "")
    assert builders.tools.tool(ann, "got", method="GET").arguments_in == "query"


def test_headers_are_stored_encrypted(ann: Account) -> None:
    tool = builders.tools.tool(ann, headers={"X-Key": SECRET, "Authorization": SECRET})

    assert tool.header_names == ["Authorization", "X-Key"]
    assert SECRET not in stored()
    assert SECRET in encryption.decrypt(tool.encrypted_headers)


def test_a_url_keeps_the_places_of_its_arguments(ann: Account) -> None:
    url = CheckedUrl("https://api.example/users/%7Bid%7D?q=%7Bid%7D")

    assert builders.tools.tool(ann, url=url, parameters=PARAMETERS).url == "https://api.example/users/{id}?q={id}"


@pytest.mark.parametrize(
    ("fields", "param", "message"),
    [
        ({"name": "a b"}, "name", "name must be 1 to 64 of the characters A-Z a-z 0-9 _ -"),
        ({"name": ""}, "name", "name must be 1 to 64 of the characters A-Z a-z 0-9 _ -"),
        ({"description": "x" * 5_000}, "description", "description is longer than 4096 characters"),
        ({"parameters": {"$ref": "#"}}, "parameters", "parameters: a reference in it leads back to itself"),
        ({"method": "TRACE"}, "method", "method must be one of GET, POST, PUT, PATCH, DELETE"),
        ({"arguments_in": "path"}, "arguments_in", "arguments_in must be one of query, body"),
        ({"method": "GET", "arguments_in": "body"}, "arguments_in", "GET has no body for arguments"),
        ({"timeout_seconds": 0}, "timeout_seconds", "timeout_seconds must be from 1 to 120"),
        ({"timeout_seconds": 121}, "timeout_seconds", "timeout_seconds must be from 1 to 120"),
        ({"headers": {"Host": "x"}}, "headers", "headers: Host cannot be set"),
        ({"url": f"{URL}/%7Bid%7D"}, "url", "url: {id} is not one of the properties of parameters"),
        ({"url": f"{URL}#part"}, "url", "url: what follows # is not sent"),
    ],
)
def test_what_could_not_be_called_is_refused(ann: Account, fields: dict[str, Any], param: str, message: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        builders.tools.tool(ann, **fields)

    assert (refused.value.param, refused.value.message) == (param, message)
    assert not Tool.objects.exists()


def test_a_change_is_checked_with_what_stays(ann: Account) -> None:
    tool = builders.tools.tool(ann, url=f"{URL}/%7Bid%7D", parameters=PARAMETERS)

    with pytest.raises(InvalidRequest, match="is not one of the properties"):
        change(ann, tool, parameters={"type": "object"})

    assert tool_queries.for_account(account_id=ann.pk, tool_id=tool.public_id).parameters == PARAMETERS
    assert change(ann, tool, method="GET").arguments_in == "query"


def test_names_are_unique_in_an_account(ann: Account, bob: Account) -> None:
    builders.tools.tool(ann, "same")
    other = builders.tools.tool(ann, "other")
    builders.tools.tool(bob, "same")

    with pytest.raises(InvalidRequest, match="Another tool has this name"), transaction.atomic():
        builders.tools.tool(ann, "same")
    with pytest.raises(InvalidRequest, match="Another tool has this name"), transaction.atomic():
        change(ann, other, name="same")

    assert Tool.objects.count() == 3


def test_headers_stay_with_the_server_that_they_were_given_for(ann: Account) -> None:
    tool = builders.tools.tool(ann, headers={"X-Key": SECRET})

    moved = change(ann, tool, url=CheckedUrl("https://api.example/elsewhere"))
    for elsewhere in ("https://evil.example/do", "http://api.example/do", "https://api.example:444/do"):
        with pytest.raises(InvalidRequest) as refused:
            change(ann, tool, url=CheckedUrl(elsewhere))
        assert (refused.value.param, SECRET in refused.value.message) == ("headers", False)
    away = change(ann, tool, url=CheckedUrl("https://evil.example/do"), headers={})

    assert (moved.url, moved.header_names) == ("https://api.example/elsewhere", ["X-Key"])
    assert (away.url, away.header_names, away.encrypted_headers) == ("https://evil.example/do", [], "")


def test_an_account_has_no_more_than_its_quota(ann: Account, bob: Account) -> None:
    Account.objects.filter(pk=ann.pk).update(max_tools=1)
    builders.tools.tool(ann)

    with pytest.raises(errors.QuotaExceeded, match="An account has at most 1 tools"):
        builders.tools.tool(ann, "second")

    builders.tools.tool(bob, "second")


def test_an_erased_account_gets_none(ann: Account) -> None:
    begin.erase_account(account_id=ann.pk, requested_by="a test")

    with pytest.raises(InvalidRequest, match="erased"):
        builders.tools.tool(ann)


def test_nobody_reaches_the_tool_of_another(ann: Account, bob: Account) -> None:
    tool = builders.tools.tool(ann)

    with pytest.raises(errors.NotFound):
        change(bob, tool, name="mine")
    with pytest.raises(errors.NotFound):
        tools.delete(account_id=bob.pk, tool_id=tool.public_id)

    assert Tool.objects.get().name == "do"


def test_a_deleted_one_leaves_nothing(ann: Account) -> None:
    tool = builders.tools.tool(ann, headers={"X-Key": SECRET})

    tools.delete(account_id=ann.pk, tool_id=tool.public_id)

    assert not Tool.objects.exists()
    with pytest.raises(errors.NotFound):
        tools.delete(account_id=ann.pk, tool_id=tool.public_id)


@pytest.mark.parametrize(
    "values", [{"name": "a b"}, {"method": "TRACE"}, {"arguments_in": "x"}, {"timeout_seconds": 0}]
)
def test_the_database_checks_it_too(ann: Account, values: dict[str, Any]) -> None:
    tool = builders.tools.tool(ann)

    with pytest.raises(DatabaseError), transaction.atomic():
        Tool.objects.filter(pk=tool.pk).update(**values)
