"""MCP servers: what they list is kept until they are changed."""

import pytest

from conversations import errors
from conversations.errors import InvalidRequest
from conversations.models import Account, McpServer
from conversations.outbound.guard import CheckedUrl
from conversations.services.tools import mcp_servers
from conversations.services.tools.rows import Fields
from conversations.values.tools import ListedTool, Listing
from tests import builders

pytestmark = pytest.mark.django_db

LISTED = Listing((ListedTool("read", "Reads.", {"type": "object"}, is_idempotent=True),), left_out=2)
READ = {"name": "read", "description": "Reads.", "parameters": {"type": "object"}, "is_idempotent": True}


def test_it_has_no_tools_until_it_was_asked(ann: Account) -> None:
    server = builders.tools.mcp_server(ann)

    assert (server.tools, server.listed_at, server.problem, server.left_out) == ([], None, "", 0)


def test_what_it_lists_is_kept(ann: Account) -> None:
    server = builders.tools.mcp_server(ann)

    noted = mcp_servers.note_listing(server=server, listing=LISTED)

    assert (noted.tools, noted.left_out, noted.problem) == ([READ], 2, "")
    assert noted.listed_at is not None


def test_when_it_cannot_be_asked_its_tools_stay(ann: Account) -> None:
    server = mcp_servers.note_listing(server=builders.tools.mcp_server(ann), listing=LISTED)

    noted = mcp_servers.note_listing(server=server, listing=Listing(problem="the server took too long"))
    again = mcp_servers.note_listing(server=server, listing=LISTED)

    assert (noted.tools, noted.listed_at, noted.problem) == ([READ], server.listed_at, "the server took too long")
    assert again.problem == ""


def test_a_listing_of_a_server_that_was_changed_meanwhile_is_dropped(ann: Account) -> None:
    asked = builders.tools.mcp_server(ann)
    fields = Fields(url=CheckedUrl("https://other.example/mcp"))
    mcp_servers.change(account_id=ann.pk, server_id=asked.public_id, fields=fields)
    McpServer.objects.update(changed_at="2030-01-01T00:00Z")  # as it would be in another transaction

    noted = mcp_servers.note_listing(server=asked, listing=LISTED)

    assert (noted.tools, noted.listed_at) == ([], None)


@pytest.mark.parametrize("fields", [Fields(headers={"X-Key": "other"}), Fields(url=CheckedUrl("https://a.b"))])
def test_as_somebody_else_it_has_no_tools_until_it_is_asked_again(ann: Account, fields: Fields) -> None:
    server = mcp_servers.note_listing(server=builders.tools.mcp_server(ann), listing=LISTED)

    changed = mcp_servers.change(account_id=ann.pk, server_id=server.public_id, fields=fields)

    assert (changed.tools, changed.left_out, changed.listed_at) == ([], 0, None)


def test_another_name_changes_nothing_of_that(ann: Account) -> None:
    server = mcp_servers.note_listing(server=builders.tools.mcp_server(ann), listing=LISTED)

    changed = mcp_servers.change(account_id=ann.pk, server_id=server.public_id, fields=Fields(name="other"))

    assert (changed.name, changed.tools) == ("other", [READ])


def test_headers_stay_with_the_server_that_they_were_given_for(ann: Account) -> None:
    server = builders.tools.mcp_server(ann, headers={"X-Key": "secret"})
    fields = Fields(url=CheckedUrl("https://evil.example/mcp"))

    with pytest.raises(InvalidRequest, match="headers must be given again"):
        mcp_servers.change(account_id=ann.pk, server_id=server.public_id, fields=fields)


def test_names_quotas_and_owners_are_kept(ann: Account, bob: Account) -> None:
    server = builders.tools.mcp_server(ann)
    with pytest.raises(InvalidRequest, match="Another MCP server has this name"):
        builders.tools.mcp_server(ann)
    Account.objects.filter(pk=ann.pk).update(max_mcp_servers=1)
    with pytest.raises(errors.QuotaExceeded, match="An account has at most 1 MCP servers"):
        builders.tools.mcp_server(ann, "second")
    with pytest.raises(errors.NotFound):
        mcp_servers.delete(account_id=bob.pk, server_id=server.public_id)

    mcp_servers.delete(account_id=ann.pk, server_id=server.public_id)

    assert not McpServer.objects.exists()
