"""Names are unique in an account, and a refused one does not come into PostgreSQL's log with the row around it."""

from functools import partial

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from conversations.errors import InvalidRequest
from conversations.models import Account, McpServer, Tool
from conversations.services.tools import mcp_servers, tools
from conversations.services.tools.rows import Fields
from conversations.services.tools.tools import ToolFields
from tests import builders

pytestmark = pytest.mark.django_db(transaction=True)


def rename(owner: Account, row: Tool | McpServer, name: str) -> object:
    if isinstance(row, Tool):
        return tools.change(account_id=owner.pk, tool_id=row.public_id, fields=ToolFields(name=name))
    return mcp_servers.change(account_id=owner.pk, server_id=row.public_id, fields=Fields(name=name))


@pytest.mark.parametrize("make", [builders.tools.tool, builders.tools.mcp_server])
def test_a_row_with_a_name_that_is_taken_is_not_sent_to_the_database(ann: Account, make: builders.tools.Make) -> None:
    make(ann, "same")
    other = make(ann, "other")

    with CaptureQueriesContext(connection) as sent:
        with pytest.raises(InvalidRequest, match=r"^Another (tool|MCP server) has this name\.$"):
            make(ann, "same")
        with pytest.raises(InvalidRequest, match=r"^Another (tool|MCP server) has this name\.$"):
            rename(ann, other, "same")

    assert not [query["sql"] for query in sent if query["sql"].startswith(("INSERT", "UPDATE"))]


@pytest.mark.parametrize("make", [builders.tools.tool, builders.tools.mcp_server])
def test_a_name_that_another_takes_in_the_same_moment_is_refused(ann: Account, make: builders.tools.Make) -> None:
    other = make(ann, "other")
    refused: list[str] = []

    def rename_late() -> None:
        try:
            rename(ann, other, "same")
        except InvalidRequest as exc:
            refused.append(exc.message)

    with builders.locks.waited_for(partial(make, ann, "same"), by=rename_late):
        pass

    assert refused in (["Another tool has this name."], ["Another MCP server has this name."])
    other.refresh_from_db()
    assert other.name == "other"
