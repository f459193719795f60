"""The table of refusals in the contract says what each family's own table says (docs/contract E.1)."""

import re

import pytest

from conversations import errors
from conversations.dialects.api.errors import ERROR_TABLE as API
from conversations.dialects.openai.errors import ERROR_TABLE as OPENAI
from conversations.dialects.yuju.errors import ERROR_TABLE as YUJU
from tests.unit.docs.sources import ROOT

ROW = re.compile(r"^\| `(\w+)`[^|]*\| (\d+) `(\w+)` \| (\d+)(?: `(\w+)`|, no code)[^|]*\| (\d+) \|", re.MULTILINE)
PAGE = (ROOT / "docs/contract/shared.md").read_text()
ROWS = ROW.findall(PAGE[PAGE.index("## E.1") :])


def test_the_table_has_every_refusal_of_access_and_money() -> None:
    drawn = re.findall(r"[├└]── (?:access|money) +([A-Za-z ]+(?:\n│ {3,}[A-Za-z ]+)*)", errors.__doc__ or "")
    names = {name for branch in drawn for name in re.findall(r"[A-Z][A-Za-z]+", branch)}

    assert names
    assert {errors.BY_CODE[row[0]].__name__ for row in ROWS} == names


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_a_row_is_what_the_families_say(row: tuple[str, ...]) -> None:
    code, api_status, api_code, openai_status, openai_code, yuju_status = row

    assert (int(api_status), api_code) == API[code]
    status, _, word = OPENAI[code]
    assert (int(openai_status), openai_code or None) == (status, word)
    assert int(yuju_status) == YUJU[code][0]
