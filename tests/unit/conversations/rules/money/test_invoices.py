"""Invoices as CSV: what is read of them, and what is refused in one line."""

from datetime import date
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversations.rules.money import invoices
from conversations.rules.money.invoices import Billed, InvoiceError, InvoiceFormat, Key

MARCH_1 = date(2026, 3, 1)
HEADER = "date,model,input_tokens,output_tokens,amount\n"


def read(text: str, columns: dict[str, str] | None = None, **wanted: Any) -> dict[Key, Billed]:
    return invoices.read(StringIO(text, newline=""), InvoiceFormat(columns or {}, **wanted))


@pytest.mark.parametrize(
    "text",
    [
        f"{HEADER}2026-03-01,gpt-5,1000,20,0.5\n",
        f"{HEADER}2026-03-01,gpt-5,400,0,0.2\r\n2026-03-01,gpt-5,600,20,0.3\r\n\r\n",
        'Day;Model;Prompt Tokens;Completion Tokens;Cost\n2026-03-01T23:59:59Z;"gpt-5";"1,000";20;"$0.50"\n',
        "start_time\tline_item\tinput_tokens\toutput_tokens\tamount_value\n"
        "1772323200\tgpt-5-2026-01-01, input\t1000\t20\t5E-1\n",
    ],
    ids=["plain", "several lines", "other names", "OpenAI's"],
)
def test_sums_by_day_and_model(text: str) -> None:
    assert read(text) == {(MARCH_1, "gpt-5"): Billed(1000, 20, Decimal("0.5"))}


def test_what_the_file_does_not_have_is_none() -> None:
    assert read("date,model,cost\n2026-03-01,gpt-5,\n") == {(MARCH_1, "gpt-5"): Billed(None, None, Decimal(0))}


def test_columns_and_dates_as_they_are_told() -> None:
    found = read(
        "Tag;Modell;Betrag\n01.03.2026;gpt-5;1.234,50 €\n",
        {"date": "Tag", "model": "Modell", "amount": "Betrag"},
        date_format="%d.%m.%Y",
        has_decimal_comma=True,
    )

    assert found == {(MARCH_1, "gpt-5"): Billed(None, None, Decimal("1234.5"))}


def test_a_time_with_an_offset_is_of_its_day_in_utc() -> None:
    assert list(read(f"{HEADER}2026-03-02T00:30:00+01:00,gpt-5,1,1,1\n")) == [(MARCH_1, "gpt-5")]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "is empty"),
        ("a,b\n1,2\n", "has no column that could be the date: say --date-column; it has 'a, b'"),
        ("date,model\n", "has neither tokens nor amounts: say --input-column, --output-column or --amount-column"),
        (f"{HEADER}2026-03-01,gpt-5,1\n", "line 2: has only 3 columns"),
        (f"{HEADER}2026-03-01,,1,1,1\n", "line 2: names no model"),
        (f"{HEADER}03/01/2026,gpt-5,1,1,1\n", "line 2: the date '03/01/2026' is no ISO date: say --date-format"),
        (
            f'{HEADER}2026-03-01,gpt-5,1,1,"0,5"\n',
            "line 2: the amount '0,5' is no number: has it a comma for decimals? --decimal-comma",
        ),
        (f"{HEADER}2026-03-01,gpt-5,1.5,1,1\n", "line 2: the tokens 1.5 are no whole number"),
        (f"{HEADER}2026-03-01,gpt-5,NaN,1,1\n", "line 2: the input 'NaN' is no number"),
        (f"{HEADER}2026-03-01,gpt-5,1,1,1e99999\n", "line 2: the amount '1e99999' is no number"),
        (f"{HEADER}2026-03-01,gpt\x00-5,1,1,1\n", "line 2: contains a NUL character: is it a spreadsheet, or UTF-16?"),
        (f'{HEADER}2026-03-01,"gpt-5,1,1,1\n', "line 2: is not CSV: unexpected end of data"),
        (f'{HEADER}2026-03-01,"gpt"-5,1,1,1\n', "line 2: is not CSV: ',' expected after '\"'"),
        (f"{HEADER}{'9' * 20_000},gpt-5,1,1,1\n", "line 2: is not CSV: field larger than field limit (10000)"),
        (f"{HEADER}{'9,' * 60_000}\n", "line 2: is longer than 100,000 characters"),
    ],
)
def test_what_cannot_be_used_is_said_in_a_line(text: str, problem: str) -> None:
    with pytest.raises(InvoiceError) as refused:
        read(text)

    assert str(refused.value) == problem


def test_a_column_that_is_named_has_to_be_there() -> None:
    with pytest.raises(InvoiceError, match="has no column 'Preis'"):
        read(HEADER, {"amount": "Preis"})


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused_in_one_line(text: str) -> None:
    for lines in (text, f"{HEADER}{text}", f"{HEADER}2026-03-01,{text},1,1,{text}"):
        problem = said_of(lines)
        assert len(problem) < 400
        assert "\n" not in problem


def said_of(text: str) -> str:
    try:
        read(text)
    except InvoiceError as exc:
        return str(exc)
    return ""
