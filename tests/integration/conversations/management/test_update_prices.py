"""`manage.py update_prices`."""

from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from pytest_django import Settings

from conversations.models import Price
from conversations.services.money import price_files

pytestmark = pytest.mark.django_db


def test_says_how_many_prices_it_has_added(capsys: pytest.CaptureFixture[str]) -> None:
    kinds = {
        (entry.vendor, entry.model, found.kind, entry.valid_from)
        for entry in price_files.shipped().entries
        for found in entry.amounts
    }

    call_command("update_prices")
    call_command("update_prices")

    assert capsys.readouterr().out.splitlines() == [
        f"Prices added: {len(kinds)} shipped, 0 of PRICES_FILE. Withdrawn: 0.",
        "Prices added: 0 shipped, 0 of PRICES_FILE. Withdrawn: 0.",
    ]


def test_refuses_a_wrong_file_and_adds_nothing(tmp_path: Path, settings: Settings) -> None:
    path = tmp_path / "prices.toml"
    path.write_text('currency = "USD"\n[[prices]]\nvendor = "acme"\n')
    settings.PRICES_FILE = str(path)

    with pytest.raises(CommandError, match="PRICES_FILE: price 1: vendor must be one of brave, deepseek, echo, ollama"):
        call_command("update_prices")

    assert not Price.objects.exists()
