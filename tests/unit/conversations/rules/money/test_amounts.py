"""Amounts as somebody writes them."""

from decimal import Decimal

import pytest

from conversations.rules.money import amounts


@pytest.mark.parametrize("text", ["0", "5", "-5", "12.50", "0.0000000001", "9999999999.9999999999"])
def test_a_plain_number_is_an_amount(text: str) -> None:
    assert amounts.parse(text) == Decimal(text)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            " ",
            " 5",
            "5 ",
            "5\n",
            "+5",
            "--5",
            "5.",
            ".5",
            "5,00",
            "1_000",
            "1e3",
            "1e400",
            "0x5",
            "5\x00",
            "\u0665",
            "\uff15",
        ),
        *("NaN", "-NaN", "sNaN", "Infinity", "-inf", "1" * 21, "1." + "1" * 21, "1" * 1_000_000),
    ],
)
def test_nothing_else_is(text: str) -> None:
    with pytest.raises(ValueError, match="must be a number"):
        amounts.parse(text)
