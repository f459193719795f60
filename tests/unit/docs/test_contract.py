"""The wire contract in `docs/contract`: whatever code and documents cite of it is there, and only once."""

import re
from collections import Counter
from itertools import chain

import pytest

from providers import catalog
from tests.unit.docs import sources
from tests.unit.docs.sources import ROOT

PAGES = ROOT / "docs" / "contract"
HEADING = re.compile(r"^#+ ([A-Z](?:\.\d+)?)\.? ", re.MULTILINE)

SECTION = r"[A-Z](?:\.\d+)?\b"
# The path of a page, or of the folder in backticks, is no citation.
CITATION = re.compile(r"docs/contract(?![/`\w])")
CITED = re.compile(rf"docs/contract,? (?:section )?({SECTION}(?:(?:, | and ){SECTION})*)")
# Also where the contract was named before: "(docs/contract A.2). … has A.7".
NUMBERED = re.compile(r"\b[A-Z]\.\d+\b")
LINE_BREAK = re.compile(r"\n\s*(?:#+ ?|\* ?)?")

OF_THIS_TEST = "tests/unit/docs/test_contract.py"


def headings() -> list[str]:
    """`A`, `A.1`, …: the sections of all pages."""
    return [number for page in sorted(PAGES.glob("*.md")) for number in HEADING.findall(page.read_text("utf-8"))]


def texts() -> dict[str, str]:
    """Code, tests and documents, by path."""
    documents = chain(ROOT.glob("*.md"), ROOT.glob("docs/**/*.md"))
    code = {source.path: source.text for source in sources.python_files() if source.path != OF_THIS_TEST}
    return code | {path.relative_to(ROOT).as_posix(): path.read_text("utf-8") for path in documents}


def cited(text: str) -> set[str]:
    """The sections that a text names, also in lists, and in comments that go on in the next line.

    A citation without a section is "?".
    """
    text = LINE_BREAK.sub(" ", text)
    found = [section for names in CITED.findall(text) for section in re.findall(SECTION, names)]
    unnamed = ["?"] if len(CITATION.findall(text)) > len(CITED.findall(text)) else []
    return {*found, *NUMBERED.findall(text), *unnamed}


@pytest.mark.parametrize(
    ("text", "sections"),
    [
        ("one line (docs/contract A.4).", {"A.4"}),
        ("a list (docs/contract C.3, C.7) of two", {"C.3", "C.7"}),
        ("docs/contract A.2, A.6. Types were checked; `references.py` has A.7.", {"A.2", "A.6", "A.7"}),
        ("docs/contract A.2 and A.6", {"A.2", "A.6"}),
        ("a whole family (docs/contract A): one question", {"A"}),
        ("docs/contract, section A.", {"A"}),
        ("# two lines (docs/contract\n    # C.12)", {"C.12"}),
        ("# two lines (docs/contract A.2,\n# A.6)", {"A.2", "A.6"}),
        ("a page, docs/contract/aichat.md, and the folder, `docs/contract`", set()),
        ("said without a section: docs/contract.", {"?"}),
    ],
)
def test_finds_citations_however_they_are_written(text: str, sections: set[str]) -> None:
    assert cited(text) == sections


def test_every_section_that_is_cited_is_there() -> None:
    there = set(headings())

    missing = {path: sorted(cited(text) - there) for path, text in texts().items()}

    assert {path: sections for path, sections in missing.items() if sections} == {}


def test_no_section_is_there_twice() -> None:
    assert [number for number, count in Counter(headings()).items() if count > 1] == []


def test_the_index_lists_every_page() -> None:
    index = (PAGES / "README.md").read_text("utf-8")

    listed = re.findall(r"^\| \[([a-z0-9]+\.md)\]", index, re.MULTILINE)

    assert sorted(listed) == sorted(page.name for page in PAGES.glob("*.md") if page.name != "README.md")


def test_every_model_of_the_documents_is_in_the_catalogue() -> None:
    documented = re.findall(r"`([^`]+)`", (PAGES / "models.md").read_text("utf-8"))

    assert len(documented) == 67 + 28
    assert [name for name in documented if name not in catalog.builtin(has_echo=False).models] == []
