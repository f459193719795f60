"""Tools as a turn gets them: with their headers, under unique names, and only the account's own."""

from datetime import UTC, datetime, timedelta

import pytest

from conversations.errors import InvalidRequest
from conversations.models import Account, McpServer
from conversations.queries.tools import definitions
from conversations.services.tools import mcp_servers, tools
from conversations.values.tools import ArgumentsIn, HttpEndpoint, ListedTool, Listing, McpEndpoint
from tests import builders
from tests.builders.tools import URL

pytestmark = pytest.mark.django_db

HEADERS = {"Authorization": "Bearer secret"}


def load(owner: Account, *ids: str, now: datetime | None = None) -> definitions.Found:
    return definitions.load(account_id=owner.pk, ids=ids, param="tools", now=now or datetime.now(UTC))


def listed(owner: Account, *names: str) -> McpServer:
    server = builders.tools.mcp_server(owner, headers=HEADERS, needs_approval=True)
    tools = tuple(ListedTool(name, "", {"type": "object"}, is_idempotent=True) for name in names)
    return mcp_servers.note_listing(server=server, listing=Listing(tools))


def test_tools_of_both_kinds_come_in_the_order_given(ann: Account) -> None:
    server = listed(ann, "do", "read.file")
    tool = builders.tools.tool(ann, "do", headers=HEADERS, is_idempotent=True, timeout_seconds=5)

    found = load(ann, tool.public_id, server.public_id, tool.public_id)

    assert [(one.name, one.id) for one in found.tools] == [
        ("do", tool.public_id),
        ("do_2", server.public_id),
        ("read_file", server.public_id),
    ]
    assert found.tools[0].endpoint == HttpEndpoint("POST", URL, ArgumentsIn.BODY, HEADERS)
    assert found.tools[1].endpoint == McpEndpoint(URL, "do", HEADERS)
    assert [(one.is_idempotent, one.needs_approval, one.timeout_seconds) for one in found.tools] == [
        (True, False, 5),
        (True, True, 30),
        (True, True, 30),
    ]
    assert found.unlisted == ()
    assert "secret" not in repr(found)


def test_a_server_is_asked_again_after_an_hour(ann: Account) -> None:
    server = listed(ann, "do")
    assert server.listed_at is not None

    assert load(ann, server.public_id, now=server.listed_at + timedelta(minutes=59)).unlisted == ()
    assert load(ann, server.public_id, now=server.listed_at + timedelta(minutes=61)).unlisted == (server,)


def test_one_that_never_listed_is_asked(ann: Account) -> None:
    server = builders.tools.mcp_server(ann)

    assert load(ann, server.public_id) == definitions.Found((), (server,))


def test_an_id_that_the_account_does_not_have_is_refused(ann: Account, bob: Account) -> None:
    foreign = builders.tools.tool(bob).public_id

    for unknown in (foreign, "tool_x", "mcp_x"):
        with pytest.raises(InvalidRequest) as refused:
            load(ann, unknown)
        assert (refused.value.param, refused.value.message) == ("tools", f"tools: there is no '{unknown}'")


def test_one_that_is_disabled_is_refused(ann: Account) -> None:
    server = builders.tools.mcp_server(ann, is_enabled=False)

    with pytest.raises(InvalidRequest, match="is disabled"):
        load(ann, server.public_id)


def test_headers_of_a_key_that_is_gone_have_to_be_given_again(ann: Account) -> None:
    tool = builders.tools.tool(ann, headers=HEADERS)
    type(tool).objects.update(encrypted_headers="gAAAAAB")

    with pytest.raises(InvalidRequest) as refused:
        load(ann, tool.public_id)

    assert tool.public_id in refused.value.message


def test_more_tools_than_a_model_takes_are_refused(ann: Account) -> None:
    server = listed(ann, *(f"do{number}" for number in range(definitions.TOOLS_MAX)))
    tool = builders.tools.tool(ann, "one_more")

    assert len(load(ann, server.public_id).tools) == definitions.TOOLS_MAX
    with pytest.raises(InvalidRequest, match="129 tools together, of at most 128"):
        load(ann, server.public_id, tool.public_id)


def test_a_run_that_has_begun_goes_on_with_those_that_are_left(ann: Account) -> None:
    gone, disabled, kept = (builders.tools.tool(ann, name) for name in ("gone", "disabled", "kept"))
    tools.delete(account_id=ann.pk, tool_id=gone.public_id)
    tools.set_enabled(tool_ids=[disabled.pk], is_enabled=False)
    ids = [gone.public_id, disabled.public_id, kept.public_id]

    found = definitions.load(account_id=ann.pk, ids=ids, param="tools", now=datetime.now(UTC), goes_on=True)

    assert [one.id for one in found.tools] == [kept.public_id]
    with pytest.raises(InvalidRequest, match=gone.public_id):
        load(ann, *ids)
