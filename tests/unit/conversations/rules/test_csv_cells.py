"""Texts in CSV files that a spreadsheet opens."""

import pytest

from conversations.rules.csv_cells import text_cell


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1"])
def test_a_text_that_could_be_run_is_shown_as_text(text: str) -> None:
    assert text_cell(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "gpt-5", "a=b", 'ä,"b"', "2026-03-01"])
def test_any_other_text_stays(text: str) -> None:
    assert text_cell(text) == text
