"""An operator's price file."""

from pathlib import Path
from typing import Protocol

import pytest
from pytest_django import Settings


class WriteFile(Protocol):
    def __call__(self, entries: str, *, currency: str = "USD") -> Path: ...


@pytest.fixture
def write_file(tmp_path: Path, settings: Settings) -> WriteFile:
    """Writes the file that PRICES_FILE then names. Its currency is in dollars."""

    def write(entries: str, *, currency: str = "USD") -> Path:
        path = tmp_path / "prices.toml"
        path.write_text(f'currency = "{currency}"\nprices = [\n{entries}\n]\n')
        settings.PRICES_FILE = str(path)
        return path

    return write
