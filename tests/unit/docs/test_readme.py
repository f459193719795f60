"""The README says what the code does."""

import re
from io import StringIO
from pathlib import Path

from django.core.management import call_command

README = (Path(__file__).resolve().parents[3] / "README.md").read_text(encoding="utf-8")


def test_lists_every_setting_as_the_code_has_it() -> None:
    printed = StringIO()

    call_command("list_settings", stdout=printed)

    table = re.search(r"<!-- settings: manage.py list_settings -->\n\n(.*?)\n<!-- /settings -->", README, re.DOTALL)
    assert table is not None
    assert table[1] == printed.getvalue()
