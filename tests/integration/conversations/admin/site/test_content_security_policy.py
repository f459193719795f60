"""The Content-Security-Policy header, and that the pages comply with it: an inline script would not run."""

import re

import pytest
from django.test import Client

from conversations.models import Conversation
from tests.integration.conversations.admin.conftest import Say

# An inline script, an attribute that is a script, and a URL that is a script.
INLINE = re.compile(
    r"<script(?![^>]*\bsrc=)[^>]*>|<[a-z][^>]*\son[a-z]+\s*=|(?:href|src|action)=[\"']?\s*javascript:", re.I
)
PAGES = ("", "conversations/apikey/", "conversations/apikey/add/", "conversations/preset/add/", "auth/user/add/")


@pytest.mark.parametrize("path", PAGES)
def test_runs_no_script_that_is_written_into_a_page(admin_client: Client, path: str) -> None:
    response = admin_client.get(f"/admin/{path}")

    policy = dict(part.split(" ", 1) for part in response["Content-Security-Policy"].split("; "))
    assert (policy["default-src"], policy["script-src"]) == ("'none'", "'self' 'unsafe-eval'")
    assert INLINE.findall(response.content.decode()) == []


def test_holds_for_a_transcript_of_a_hostile_writer(admin_client: Client, conversation: Conversation, say: Say) -> None:
    say("<script>alert(1)</script><img src=x onerror=alert(1)>", "[a](javascript:alert(1))")

    response = admin_client.get(f"/admin/conversations/conversation/{conversation.pk}/change/")

    assert "Content-Security-Policy" in response
    assert INLINE.findall(response.content.decode()) == []


def test_holds_before_sign_in_and_for_missing_pages(client: Client, db: None) -> None:
    for path in ("login/", "no-such-page/", "conversations/run/"):
        assert "script-src 'self' 'unsafe-eval'" in client.get(f"/admin/{path}")["Content-Security-Policy"]


def test_leaves_the_api_alone(client: Client) -> None:
    assert "Content-Security-Policy" not in client.get("/healthz")
