"""The receipt on a run's page: whatever callers wrote is text, in its own line."""

import pytest
from django.test import Client

from conversations.admin.site import receipts
from conversations.models import Account, Run, RunAttempt
from tests.builders import runs

SCRIPT, TURNED = "<script>alert(1)</script>", "\u202egnp.exe"


def asked(owner: Account) -> Run:
    options = {"stop": [SCRIPT], "tools": [{"type": "function", "function": {"name": TURNED}}], "user": "x" * 3_999}
    run = runs.answered(owner, "Hello", options=options)
    RunAttempt.objects.update(target="openai:env:gpt-4")
    return run


def test_shows_what_callers_wrote_as_text_in_lines_of_its_own(admin_client: Client, ann: Account) -> None:
    run = asked(ann)

    page = admin_client.get(f"/admin/conversations/run/{run.pk}/change/").content.decode()

    assert SCRIPT not in page
    assert "&lt;script&gt;" in page
    assert f'<bdi dir="auto">tools: {TURNED}; called: none</bdi>' in page
    assert "x" * receipts.LINE_SHOWN_CHARS not in page


@pytest.mark.parametrize("record", [{"context": {"later": 1}}, {"sources": [{"kind": "later"}]}])
def test_a_record_that_cannot_be_read_leaves_the_page(
    admin_client: Client, ann: Account, record: dict[str, object]
) -> None:
    run = asked(ann)
    Run.objects.filter(pk=run.pk).update(answer={**(run.answer or {}), **record})

    response = admin_client.get(f"/admin/conversations/run/{run.pk}/change/")

    assert response.status_code == 200
    assert receipts.UNREADABLE in response.content.decode()
