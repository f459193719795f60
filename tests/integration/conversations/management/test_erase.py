"""`manage.py erase`: asks first, shows how far it is, and ends when nothing is left."""

import io
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from conversations.models import Account, Erasure, Message
from tests import builders
from tests.integration.conversations import inspection

pytestmark = pytest.mark.django_db


def erase(*args: str, **options: Any) -> str:
    out = io.StringIO()
    call_command("erase", *args, stdout=out, **options)
    return out.getvalue()


def test_erases_a_conversation_and_says_what(ann: Account) -> None:
    builders.runs.answered(ann)

    shown = erase("conversation", "thread", "--account", "ann", "--yes")

    counts = "0 assistedrun, 0 content, 0 delivery, 0 event, 2 message, 0 reading, 0 reference, 1 run, 0 runstep"
    assert f"Erased: {counts}, 0 task, 0 toolcall, 0 usageofconversation. Left: nothing." in shown
    assert not Message.objects.exists()
    assert "deleted before" in erase("conversation", "thread", "--account", ann.public_id, "--yes")


def test_goes_on_with_the_erasure_of_an_account(ann: Account) -> None:
    builders.runs.answered(ann)
    builders.erasures.erase_account(ann)

    shown = erase("account", ann.public_id, "--yes")

    assert "Left: nothing." in shown
    assert Erasure.objects.get().state == "done"
    assert not Message.objects.exists()


def test_erases_nothing_unless_the_id_is_typed_again(ann: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    builders.runs.answered(ann)
    monkeypatch.setattr("sys.stdin", io.StringIO("yes\n"))

    with pytest.raises(CommandError, match="Nothing was erased"):
        erase("account", "ann")

    assert inspection.thread(ann) == ["Hello", "Hi."]
    assert not Erasure.objects.exists()


@pytest.mark.parametrize(
    ("args", "problem"),
    [
        (("account", "nobody", "--yes"), "no such account"),
        (("conversation", "thread", "--yes"), "--account is required"),
        (("conversation", "nothing", "--account", "ann", "--yes"), "no such conversation"),
    ],
)
def test_says_what_it_cannot_find(ann: Account, args: tuple[str, ...], problem: str) -> None:
    with pytest.raises(CommandError, match=problem):
        erase(*args)


def test_a_busy_conversation_is_kept(ann: Account) -> None:
    builders.runs.start(ann)

    with pytest.raises(CommandError, match="busy"):
        erase("conversation", "thread", "--account", "ann", "--yes")
