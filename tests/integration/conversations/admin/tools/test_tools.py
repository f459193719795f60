"""The pages of tools and MCP servers: no secret on them, and what is done there goes through the services."""

import pytest
from django.test import Client
from django.urls import reverse

from conversations.models import Account, McpServer, Tool
from conversations.services.tools import mcp_servers
from conversations.values.tools import ListedTool, Listing
from tests import builders

SECRET = "Bearer tool-secret-0123456789"
HEADERS = {"Authorization": SECRET}
ROUTES = ["conversations_tool", "conversations_mcpserver"]


@pytest.fixture
def rows(ann: Account) -> dict[str, Tool | McpServer]:
    server = builders.tools.mcp_server(ann, headers=HEADERS)
    listing = Listing((ListedTool("read", "Reads <b>files</b>.", {"type": "object"}),))
    return {
        "conversations_tool": builders.tools.tool(ann, "weather", headers=HEADERS),
        "conversations_mcpserver": mcp_servers.note_listing(server=server, listing=listing),
    }


@pytest.mark.django_db
@pytest.mark.parametrize("route", ROUTES)
def test_they_show_no_secret(admin_client: Client, rows: dict[str, Tool | McpServer], route: str) -> None:
    row = rows[route]
    of_list = admin_client.get(reverse(f"admin:{route}_changelist"), {"q": row.public_id})
    of_row = admin_client.get(reverse(f"admin:{route}_change", args=[row.pk]))

    shown = of_list.content.decode() + of_row.content.decode()
    assert (of_list.status_code, of_row.status_code) == (200, 200)
    assert row.public_id in of_list.content.decode()
    assert "Authorization" in of_row.content.decode()
    assert SECRET not in shown
    assert row.encrypted_headers not in shown
    assert "<b>files</b>" not in shown


@pytest.mark.django_db
@pytest.mark.parametrize("route", ROUTES)
def test_they_are_disabled_and_enabled(admin_client: Client, rows: dict[str, Tool | McpServer], route: str) -> None:
    row, url = rows[route], reverse(f"admin:{route}_changelist")

    admin_client.post(url, {"action": "disable", "_selected_action": [row.pk]})
    row.refresh_from_db()
    was_enabled = row.is_enabled
    filtered = admin_client.get(url, {"is_enabled": "False"})
    admin_client.post(url, {"action": "enable", "_selected_action": [row.pk]})
    row.refresh_from_db()

    assert (was_enabled, row.is_enabled) == (False, True)
    assert row.public_id in filtered.content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize("route", ROUTES)
def test_they_are_deleted_once_that_is_confirmed(
    admin_client: Client, rows: dict[str, Tool | McpServer], route: str
) -> None:
    row, url = rows[route], reverse(f"admin:{route}_changelist")
    chosen = {"action": "delete_rows", "_selected_action": [row.pk]}

    asked = admin_client.post(url, chosen)
    still_there = type(row).objects.filter(pk=row.pk).exists()
    admin_client.post(url, {**chosen, "confirmed": "yes"})

    assert asked.status_code == 200
    assert still_there
    assert not type(row).objects.filter(pk=row.pk).exists()
