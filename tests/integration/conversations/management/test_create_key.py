"""`manage.py create_key`."""

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from conversations.models import Account, ApiKey
from conversations.services.accounts import api_keys

pytestmark = pytest.mark.django_db


def test_create_key_prints_the_key_alone_on_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("create_key", account="new one")

    printed = capsys.readouterr().out
    assert printed.count("\n") == 1
    assert api_keys.authenticate(secret=printed.strip()).account_id == Account.objects.get(name="new one").pk


@pytest.mark.parametrize("bad", ["x" * 300, "a\x00b", "half \ud83d"], ids=repr)
@pytest.mark.parametrize("named", ["account", "name"])
def test_create_key_refuses_a_bad_name(named: str, bad: str) -> None:
    with pytest.raises(CommandError, match="name"):
        call_command("create_key", **{"account": "ann", named: bad})

    assert not ApiKey.objects.exists()
