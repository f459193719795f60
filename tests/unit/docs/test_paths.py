"""The pages name files and folders that exist."""

import re
from pathlib import Path

import pytest

from tests.unit.docs.sources import ROOT

PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("docs/adr/*.md")])
ROOMS = "conversations|providers|project|tests|services|views|queries|rules|relay|workers|models|outbound|dialects|docs"
NAMED = re.compile(rf"`((?:[\w.-]+/)*[\w-]+\.(?:py|toml|md)|(?:{ROOMS})(?:/[\w-]+)*/)`")


def exists(name: str) -> bool:
    """From the top of the project, or below one of its packages."""
    tops = (".", "conversations", "providers", "project", "tests", "docs")
    if any((ROOT / top / name).exists() for top in tops):
        return True
    return any(path.as_posix().endswith(f"/{name}") for top in tops[1:] for path in (ROOT / top).rglob(Path(name).name))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_names_what_exists(page: Path) -> None:
    named = NAMED.findall(page.read_text(encoding="utf-8"))

    assert [name for name in named if not exists(name)] == []
