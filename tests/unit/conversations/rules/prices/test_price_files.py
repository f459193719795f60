"""Price files are read exactly, or refused as a whole with the place of the mistake."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversations.rules.prices import price_files
from conversations.rules.prices.price_files import Amount, PriceEntry, PriceFile, PriceFileError
from conversations.values.prices import UnitKind

VENDORS = ["echo", "openai"]
ENTRY = 'currency = "USD"\n[[prices]]\nvendor = "openai"\nmodel = "m"\n'
FIRST = "price 1 ('openai', 'm'): "
NO_DATE = "from must be a date, such as 2026-12-31"
TO_MAX = "must be from 0 to 100,000"


def parse(text: str) -> PriceFile:
    return price_files.parse(text.encode(), vendors=VENDORS)


def amounts(text: str) -> tuple[Amount, ...]:
    (entry,) = parse(ENTRY + text).entries
    return entry.amounts


def refusal(data: bytes | str) -> str:
    with pytest.raises(PriceFileError) as refused:
        price_files.parse(data if isinstance(data, bytes) else data.encode(), vendors=VENDORS)
    return str(refused.value)


def test_reads_every_kind_with_tiers_and_dates() -> None:
    text = """
        currency = "EUR"
        prices = [
          { vendor = "openai", model = "gpt-5*", from = 2026-03-01, input = 2.5, cache_read = 0.25, cache_write_5m = 3,
            output = 10 },
        ]
        [[prices]]
        vendor = "echo"
        model = "*"
        call = 0
    """.replace("\n            output", " output")

    inline, _, block = text.partition("        [[prices]]")

    assert parse(inline) == PriceFile(
        "EUR",
        (
            PriceEntry(
                "openai",
                "gpt-5*",
                datetime(2026, 3, 1, tzinfo=UTC),
                (
                    Amount(UnitKind.INPUT, Decimal("2.5")),
                    Amount(UnitKind.CACHE_READ, Decimal("0.25")),
                    Amount(UnitKind.CACHE_WRITE_5M, Decimal(3)),
                    Amount(UnitKind.OUTPUT, Decimal(10)),
                ),
            ),
        ),
    )
    assert parse(f'currency = "EUR"\n[[prices]]{block}').entries == (
        PriceEntry("echo", "*", None, (Amount(UnitKind.CALL, Decimal(0)),)),
    )


def test_reads_tiers() -> None:
    found = amounts("input = 1\noutput = 2\n[[prices.tiers]]\nfrom_input_tokens = 272_001\ninput = 1.5\n")

    assert found == (
        Amount(UnitKind.INPUT, Decimal(1)),
        Amount(UnitKind.OUTPUT, Decimal(2)),
        Amount(UnitKind.INPUT, Decimal("1.5"), 272_001),
    )


def test_reads_a_file_without_prices() -> None:
    assert parse('currency = "USD"') == PriceFile("USD", ())


@pytest.mark.parametrize(
    ("written", "read"),
    [
        *(("0.1", "0.1"), ("0.0000000001", "1E-10"), ("1e-10", "1E-10"), ("100_000", "100000"), ("1e5", "100000")),
        *(("0", "0"), ("0.0", "0"), ("-0.0", "0"), ("0e-999999", "0"), ("0x10", "16"), ("2.50000000000000", "2.5")),
    ],
)
def test_reads_a_number_to_its_last_decimal(written: str, read: str) -> None:
    (found,) = amounts(f"input = {written}")

    assert found.amount == Decimal(read)
    assert not found.amount.is_signed()


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("-1", f"{TO_MAX}, not -1"),
        ("-1e-10", f"{TO_MAX}, not -1E-10"),
        ("nan", f"{TO_MAX}, not NaN"),
        ("-nan", f"{TO_MAX}, not -NaN"),
        ("inf", f"{TO_MAX}, not Infinity"),
        ("100_001", f"{TO_MAX}, not 100001"),
        ("1e30", f"{TO_MAX}, not 1E+30"),
        ("1e999999999", f"{TO_MAX}, not 1E+999999999"),
        ("0x" + "f" * 5_000, f"{TO_MAX}, not a number beyond all bounds"),
        ("0.00000000001", "must have at most 10 decimals"),
        ("1e-999999999", "must have at most 10 decimals"),
        ("0.1" + "0" * 40 + "1", "must have at most 10 decimals"),
        ("true", "must be a number, not True"),
        ('"1"', "must be a number, not '1'"),
        ("[1]", "must be a number, not a list"),
        ("2026-01-01", "must be a number, not 2026-01-01"),
    ],
)
def test_refuses_what_is_no_price(written: str, problem: str) -> None:
    assert refusal(f"{ENTRY}input = {written}") == f"{FIRST}input {problem}"


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ('currency = "USD"\nprices = [\n  {]\n]', "is not TOML: "),
        ('currency = "USD"\nnonsense', "is not TOML: "),
        ('currency = "USD"\ncurrency = "EUR"', "is not TOML: "),
        (b'currency = "USD"\n# \xff', "is not UTF-8 at byte 19"),
        (b'currency = "US\x00D"', "is not TOML: "),
        ("x = " + "[" * 100_000, "is nested too deeply"),
        ("x = " + "9" * 5_000, "is not TOML: "),
        (b"#" * (price_files.MAX_BYTES + 1), "is larger than 5,000,000 bytes"),
        ("prices = []", "`currency` must be said"),
        ("currency = 1", "`currency` must be said"),
        ('currency = "USD"\nprice = []', "unknown: 'price'; a file has `currency` and `prices`"),
        ('currency = "USD"\nprices = 7', "`prices` must be a list"),
        ('currency = "USD"\nprices = {}', "`prices` must be a list"),
        ('currency = "USD"\nprices = [7]', "price 1: must be a table, not 7"),
        ('currency = "USD"\nprices = [0x' + "f" * 5_000 + "]", "price 1: must be a table, not a number beyond"),
        ('currency = "USD"\nprices = [{}]', "price 1: vendor must be one of echo, openai"),
    ],
)
def test_refuses_what_is_no_price_file(data: bytes | str, problem: str) -> None:
    assert refusal(data).startswith(problem)


def test_names_the_line_where_the_text_is_no_toml() -> None:
    assert "(at line 3, column 10)" in refusal('currency = "USD"\n[[prices]]\nvendor = x\n')


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ('vendor = "acme"\nmodel = "m"\ninput = 1', "price 1 ('acme', 'm'): vendor must be one of echo, openai"),
        ('vendor = ["openai"]\nmodel = "m"\ninput = 1', "price 1: vendor must be one of echo, openai"),
        ('vendor = "openai"\ninput = 1', "price 1: model must be a text"),
        ('vendor = "openai"\nmodel = ""\ninput = 1', "price 1 ('openai', ''): model must have 1 to 200 characters"),
        ('vendor = "openai"\nmodel = "a\\u0000"\ninput = 1',
         r"price 1 ('openai', 'a\x00'): model must have 1 to 200 characters"),
        (f'vendor = "openai"\nmodel = "{"m" * 201}"\ninput = 1',
         f"price 1 ('openai', '{'m' * 59}…): model must have 1 to 200 characters"),
        ('vendor = "openai"\nmodel = "a*b"\ninput = 1',
         "price 1 ('openai', 'a*b'): model may have * only at its end, where it stands for any ending"),
        ('vendor = "openai"\nmodel = "**"\ninput = 1',
         "price 1 ('openai', '**'): model may have * only at its end, where it stands for any ending"),
        ('vendor = "openai"\nmodel = "m"', FIRST + "gives no price"),
        ('vendor = "openai"\nmodel = "m"\nfrom = "2026"\ninput = 1', FIRST + NO_DATE),
        ('vendor = "openai"\nmodel = "m"\nfrom = 07:32:00\ninput = 1', FIRST + NO_DATE),
        ('vendor = "openai"\nmodel = "m"\nfrom = 1999-12-31\ninput = 1', FIRST + "from must be between 2000 and 2200"),
        ('vendor = "openai"\nmodel = "m"\nfrom = 0001-01-01T00:00:00+14:00\ninput = 1',
         FIRST + "from must be between 2000 and 2200"),
        ('vendor = "openai"\nmodel = "m"\nfrom = 9999-12-31T23:59:59-14:00\ninput = 1',
         FIRST + "from must be between 2000 and 2200"),
        ('vendor = "openai"\nmodel = "m"\ninput = 1\ntiers = 7', FIRST + "tiers must be a list of at most 16 tables"),
        ('vendor = "openai"\nmodel = "m"\ninput = 1\ntiers = [7]', FIRST + "tiers must be a list of at most 16 tables"),
        ('vendor = "openai"\nmodel = "m"\ninput = 1\ntiers = [{ input = 2 }]',
         FIRST + "from_input_tokens must be from 1 to 1,000,000,000"),
        ('vendor = "openai"\nmodel = "m"\ninput = 1\ntiers = [{ from_input_tokens = true, input = 2 }]',
         FIRST + "from_input_tokens must be from 1 to 1,000,000,000"),
        ('vendor = "openai"\nmodel = "m"\ninput = 1\ntiers = [{ from_input_tokens = 9, output = 2 }]',
         FIRST + "a tier has output, but shorter prompts have no price for it"),
        ('vendor = "openai"\nmodel = "m"\ninput = 1\n'
         'tiers = [{ from_input_tokens = 9, input = 2 }, { from_input_tokens = 9, input = 3 }]',
         FIRST + "two tiers begin at the same number of tokens"),
    ],
)  # fmt: skip
def test_names_the_entry_at_fault(entry: str, problem: str) -> None:
    assert refusal(f'currency = "USD"\n[[prices]]\n{entry}\n') == problem


def test_names_an_unknown_field_and_those_that_there_are() -> None:
    assert refusal(f"{ENTRY}inptu = 1").startswith(f"{FIRST}unknown: 'inptu'; known are audio_input, audio_output, ")


def test_refuses_to_be_told_the_same_price_twice() -> None:
    again = '[[prices]]\nvendor = "openai"\nmodel = "m"\noutput = 1\n'

    assert refusal(f"{ENTRY}input = 1\n{again}") == "price 2 ('openai', 'm'): as price 1"
    assert len(parse(f"{ENTRY}input = 1\n{again}from = 2027-01-01\n").entries) == 2


@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_reads_or_refuses_any_bytes(data: bytes) -> None:
    for prefix in (b"", ENTRY.encode(), b'currency = "USD"\nprices = ['):
        try:
            found = price_files.parse(prefix + data, vendors=VENDORS)
        except PriceFileError:
            continue
        assert isinstance(found, PriceFile)
