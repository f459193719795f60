"""The README says what the code does."""

import re
from io import StringIO
from pathlib import Path

from django.core.management import call_command

from providers import catalog

README = (Path(__file__).resolve().parents[3] / "README.md").read_text(encoding="utf-8")


def test_lists_every_setting_as_the_code_has_it() -> None:
    printed = StringIO()

    call_command("list_settings", stdout=printed)

    table = re.search(r"<!-- settings: manage.py list_settings -->\n\n(.*?)\n<!-- /settings -->", README, re.DOTALL)
    assert table is not None
    assert table[1] == printed.getvalue()


def test_says_how_many_models_answer() -> None:
    chat = [entry for entry in catalog.builtin().models.values() if entry.kind == "chat"]

    named = re.search(r"same calls answer as (`gpt-4o`, `deepseek-v3`, `grok-3`) and (\d+) more", README)
    assert named is not None
    assert int(named[2]) == len(chat) - len(named[1].split(","))
