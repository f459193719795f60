"""The shipped prices are whole, and what is wrong with the operator's file is said in a word."""

import os
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from pytest_django import Settings

from conversations.rules.prices.price_book import PriceBook
from conversations.rules.prices.price_files import PriceFileError
from conversations.services.money import price_files
from conversations.values.prices import PriceRow, PriceSource, UnitKind
from providers import catalog
from tests.integration.conversations.services.money.conftest import WriteFile

# Models of the catalogue without a published price in dollars; by_hand.toml says so too.
UNPRICED = {"gpt-5.6-sol-fast", "deepseek-v4.1-flash", "glm-3-turbo", "embedding-2", "embedding-3"}
NOW = datetime(2026, 12, 1, tzinfo=UTC)


def shipped_book() -> PriceBook:
    return PriceBook(
        PriceRow(
            entry.vendor,
            entry.model,
            amount.kind,
            amount.amount,
            entry.valid_from or NOW,
            PriceSource.SHIPPED,
            "USD",
            amount.from_input_tokens,
        )
        for entry in price_files.shipped().entries
        for amount in entry.amounts
    )


def test_every_model_of_the_catalogue_has_a_price_but_those_that_are_named() -> None:
    book, models = shipped_book(), catalog.builtin().models.values()

    without = {
        entry.model
        for entry in models
        if UnitKind.INPUT not in book.prices_of(vendor=entry.vendor.name, model=entry.model, at=NOW).tiers
    }
    without_answers = {
        entry.model
        for entry in models
        if entry.kind != "embedding" and entry.model not in UNPRICED
        if UnitKind.OUTPUT not in book.prices_of(vendor=entry.vendor.name, model=entry.model, at=NOW).tiers
    }

    assert without == UNPRICED
    assert without_answers == set()
    assert all(name in price_files.BY_HAND.read_text() for name in UNPRICED)


def test_echo_is_free() -> None:
    found = shipped_book().prices_of(vendor="echo", model="echo", at=NOW)

    assert {kind: tiers[0].amount for kind, tiers in found.tiers.items()} == {
        UnitKind.INPUT: Decimal(0),
        UnitKind.OUTPUT: Decimal(0),
    }


@pytest.mark.parametrize(
    ("model", "tokens", "expected"),
    [("gpt-4o", 0, ("2.5", "1.25", "10")), ("gpt-5.4", 272_000, ("2.5", "0.25", "15")),
     ("gpt-5.4", 272_001, ("5", "0.5", "22.5"))],
)  # fmt: skip
def test_the_shipped_prices_are_those_of_the_vendor(model: str, tokens: int, expected: tuple[str, ...]) -> None:
    found = shipped_book().prices_of(vendor="openai", model=model, at=NOW)

    rows = [found.row(kind, input_tokens=tokens) for kind in (UnitKind.INPUT, UnitKind.CACHE_READ, UnitKind.OUTPUT)]
    assert [row and row.amount for row in rows] == [Decimal(amount) for amount in expected]


def test_the_shipped_files_are_sorted_and_say_where_they_are_from() -> None:
    lines = price_files.GENERATED.read_text().splitlines()
    entries = [line for line in lines if line.startswith("  { ")]

    assert entries == sorted(entries)
    assert "genai-prices 0." in lines[1]
    assert len(entries) == sum(1 for entry in price_files._parsed(price_files.GENERATED.read_bytes()).entries)


def test_a_price_by_hand_goes_before_a_generated_one() -> None:
    counts = Counter((entry.vendor, entry.model, entry.valid_from) for entry in price_files.shipped().entries)

    assert max(counts.values()) == 1


def test_there_is_no_file_of_ones_own_unless_it_is_named(settings: Settings) -> None:
    assert settings.PRICES_FILE == ""
    assert price_files.own() is None


def refusal() -> str:
    with pytest.raises(PriceFileError) as refused:
        price_files.own()
    return str(refused.value)


def test_says_what_cannot_be_read(tmp_path: Path, settings: Settings) -> None:
    missing, folder, pipe, locked = (tmp_path / name for name in ("missing", "folder", "pipe", "x" * 300))
    folder.mkdir()
    os.mkfifo(pipe)
    said = []
    for path in (missing, folder, pipe, locked, Path("/dev/zero")):
        settings.PRICES_FILE = str(path)
        said.append(refusal())

    assert said == [
        f"PRICES_FILE: cannot read {missing} (No such file or directory)",
        f"PRICES_FILE: {folder} is not a file",
        f"PRICES_FILE: {pipe} is not a file",
        f"PRICES_FILE: cannot read {locked} (File name too long)",
        "PRICES_FILE: /dev/zero is not a file",
    ]


def test_says_what_is_wrong_in_the_file(write_file: WriteFile) -> None:
    write_file('{ vendor = "openai", model = "m", input = -1 }')

    assert refusal() == "PRICES_FILE: price 1 ('openai', 'm'): input must be from 0 to 100,000, not -1"


def test_refuses_a_file_in_another_currency(write_file: WriteFile, settings: Settings) -> None:
    write_file("", currency="EUR")

    assert refusal() == "PRICES_FILE: is in 'EUR', and CURRENCY is USD"
    settings.CURRENCY = "EUR"
    assert price_files.own() is not None


def test_refuses_a_file_without_end(write_file: WriteFile) -> None:
    path = write_file("")
    with path.open("ab") as file:
        file.truncate(100_000_000)

    assert refusal() == "PRICES_FILE: is larger than 5,000,000 bytes"
