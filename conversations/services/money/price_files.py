"""Where price files are: those that come with Parley, and the operator's own (PRICES_FILE)."""

from pathlib import Path

from django.conf import settings

from conversations.rules.prices import price_files
from conversations.rules.prices.price_files import PriceEntry, PriceFile, PriceFileError
from conversations.services.money import prices
from providers import catalog

FOLDER = catalog.CATALOGUE_FILE.with_name("prices")
# Written by `manage.py write_prices`.
GENERATED = FOLDER / "generated.toml"
# Kept by hand, for models that the data behind the other file lacks; of models in both, these count.
BY_HAND = FOLDER / "by_hand.toml"


def shipped() -> PriceFile:
    """Raises PriceFileError, which would be our own mistake. Every entry has a date."""
    generated, by_hand = (_parsed(path.read_bytes()) for path in (GENERATED, BY_HAND))
    own = {(entry.vendor, entry.model) for entry in by_hand.entries}
    entries = [entry for entry in generated.entries if (entry.vendor, entry.model) not in own]
    return PriceFile(generated.currency, (*_dated(entries), *_dated(by_hand.entries)))


def own() -> PriceFile | None:
    """The operator's file, None without one. Raises PriceFileError, whose message begins with the setting's name."""
    if not settings.PRICES_FILE:
        return None
    path = Path(settings.PRICES_FILE)
    try:
        # A pipe or a device might never end.
        if path.exists() and not path.is_file():
            raise PriceFileError(f"{path} is not a file")
        with path.open("rb") as file:
            found = _parsed(file.read(price_files.MAX_BYTES + 1))
        if found.currency != settings.CURRENCY:
            raise PriceFileError(f"is in {found.currency[:10]!r}, and CURRENCY is {settings.CURRENCY}")
    except OSError as exc:
        raise PriceFileError(f"PRICES_FILE: cannot read {path} ({exc.strerror})") from None
    except PriceFileError as exc:
        raise PriceFileError(f"PRICES_FILE: {exc}") from None
    return found


def _parsed(data: bytes) -> PriceFile:
    return price_files.parse(data, vendors=prices.vendors())


def _dated(entries: tuple[PriceEntry, ...] | list[PriceEntry]) -> tuple[PriceEntry, ...]:
    if undated := [entry.model for entry in entries if entry.valid_from is None]:
        raise PriceFileError(f"shipped prices without a date: {', '.join(undated)}")
    return tuple(entries)
