"""Which rows bring the table up to the price files."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversations.rules.prices import price_changes
from conversations.rules.prices.price_book import PriceBook
from conversations.rules.prices.price_changes import DatedPrice, PriceChanges
from conversations.rules.prices.price_files import Amount, PriceEntry, PriceFileError
from conversations.values.prices import PriceRow, PriceSource, UnitKind
from tests.unit.conversations.rules.prices.price_rows import JANUARY, JULY, MARCH, MAY, row

NAME = ("v", "m", UnitKind.INPUT)
NOW = MAY
NOTHING = PriceChanges((), (), (), ())


def entry(amount: str, at: datetime | None, *, tier: str = "") -> PriceEntry:
    tiers = (Amount(UnitKind.INPUT, Decimal(tier), 1000),) if tier else ()
    return PriceEntry("v", "m", at, (Amount(UnitKind.INPUT, Decimal(amount)), *tiers))


def dated(amount: str, at: datetime, *, tier: str = "") -> DatedPrice:
    return DatedPrice(NAME, at, {0: Decimal(amount)} | ({1000: Decimal(tier)} if tier else {}))


def decide(
    *known: PriceRow, shipped: tuple[PriceEntry, ...] = (), own: tuple[PriceEntry, ...] = (), now: datetime = NOW
) -> PriceChanges:
    return price_changes.decide(shipped=shipped, own=own, known=known, now=now)


def in_file(amount: str, at: datetime, tier: int = 0) -> PriceRow:
    return row("input", amount, at=at, source="file", tier=tier)


def test_adds_shipped_prices_that_are_missing_from_their_dates() -> None:
    known = row("input", "1", at=JANUARY)

    found = decide(known, shipped=(entry("1", JANUARY), entry("2", MARCH, tier="3"), entry("4", JULY)))

    assert found == PriceChanges((dated("2", MARCH, tier="3"), dated("4", JULY)), (), (), ())


def test_leaves_a_shipped_price_as_it_was_stored() -> None:
    assert decide(row("input", "1", at=JANUARY), shipped=(entry("9", JANUARY),)) == NOTHING


def test_a_price_of_the_file_without_a_date_holds_from_now_on() -> None:
    assert decide(own=(entry("2", None),)).from_file == (dated("2", NOW),)
    assert decide(in_file("2", MARCH), own=(entry("2", None),)) == NOTHING
    assert decide(in_file("1", MARCH), own=(entry("2", None),)).from_file == (dated("2", NOW),)
    assert decide(in_file("2", JANUARY), in_file("1", MARCH), own=(entry("2", None),)).from_file == (dated("2", NOW),)


def test_another_tier_is_another_price() -> None:
    known = (in_file("1", MARCH), in_file("2", MARCH, tier=1000))

    assert decide(*known, own=(entry("1", None, tier="2"),)) == NOTHING
    assert decide(*known, own=(entry("1", None),)).from_file == (dated("1", NOW),)


def test_a_price_of_the_file_with_a_date_holds_from_then_on() -> None:
    own = (entry("1", JANUARY), entry("2", JULY))

    assert decide(own=own).from_file == (dated("1", JANUARY), dated("2", JULY))
    assert decide(in_file("1", JANUARY), in_file("2", JULY), own=own) == NOTHING


def test_a_price_with_a_date_goes_on_from_the_one_without() -> None:
    own = (entry("1", None), entry("2", JULY))

    assert decide(own=own).from_file == (dated("1", NOW), dated("2", JULY))
    assert decide(in_file("1", MARCH), in_file("2", JULY), own=own) == NOTHING
    assert decide(in_file("1", MARCH), in_file("2", JULY), own=own, now=JULY) == NOTHING


def test_refuses_to_say_otherwise_what_was_valid() -> None:
    with pytest.raises(PriceFileError) as refusal:
        decide(in_file("1", MARCH), own=(entry("2", MARCH),))

    assert str(refusal.value) == (
        "PRICES_FILE: (v, m): another price of input has been valid from 2026-03-01 00:00; "
        "a price is never changed, so give a new one a later date"
    )


def test_withdraws_what_the_file_says_no_more_and_is_not_valid_yet() -> None:
    known = (in_file("1", MARCH), in_file("2", JULY))

    assert decide(*known).withdrawn == (dated("2", JULY),)
    assert decide(*known).from_file == ()
    changed = decide(*known, own=(entry("3", JULY),))
    assert (changed.withdrawn, changed.from_file) == ((dated("2", JULY),), (dated("3", JULY),))


def test_a_later_shipped_price_does_not_take_the_place_of_the_files() -> None:
    found = decide(in_file("2", JANUARY), shipped=(entry("9", MARCH), entry("8", JULY)), own=(entry("2", None),))

    assert found.from_file == (dated("2", MARCH), dated("2", JULY))


def test_an_earlier_shipped_price_stays_valid_until_the_files() -> None:
    assert decide(in_file("2", MARCH), shipped=(entry("9", JANUARY),), own=(entry("2", None),)).from_file == ()


def test_what_is_to_come_follows_a_change_of_the_file() -> None:
    known = (in_file("2", JANUARY), row("input", "8", at=JULY), in_file("2", JULY))

    found = decide(*known, own=(entry("3", None),))

    assert found.from_file == (dated("3", NOW), dated("3", JULY))
    assert found.withdrawn == (dated("2", JULY),)


def test_a_later_price_of_the_admin_goes_before_the_files() -> None:
    admin = row("input", "5", at=MARCH, source="admin")

    assert decide(in_file("2", JANUARY), admin, own=(entry("2", None),)) == NOTHING


def test_names_the_admins_prices_whose_place_a_shipped_one_takes() -> None:
    admin = row("input", "5", at=JANUARY, source="admin")

    assert decide(admin, shipped=(entry("9", MARCH),)).replaced == (NAME,)
    assert decide(admin, shipped=(entry("9", JANUARY),)).replaced == ()
    assert decide(admin, in_file("2", MARCH), shipped=(entry("9", MARCH),), own=(entry("2", None),)).replaced == ()


moments = st.sampled_from([JANUARY, MARCH, MAY, JULY])
entries = st.lists(
    st.builds(entry, st.sampled_from("123"), moments), max_size=3, unique_by=lambda found: found.valid_from
)
undated = st.lists(st.builds(entry, st.sampled_from("123"), st.none()), max_size=1)


def applied(known: list[PriceRow], found: PriceChanges) -> list[PriceRow]:
    gone = {price.valid_from for price in found.withdrawn}
    kept = [row for row in known if row.source != PriceSource.FILE or row.valid_from not in gone]
    new = [(price, PriceSource.SHIPPED) for price in found.shipped]
    new += [(price, PriceSource.FILE) for price in found.from_file]
    return kept + [row("input", str(price.tiers[0]), at=price.valid_from, source=source.value) for price, source in new]


@given(st.lists(st.tuples(entries, entries, undated), max_size=4))
def test_the_file_holds_now_and_later_whatever_was_said_before(
    rounds: list[tuple[list[PriceEntry], list[PriceEntry], list[PriceEntry]]],
) -> None:
    known: list[PriceRow] = []
    for date, (shipped, own, without_date) in zip([JANUARY, MARCH, MAY, JULY], rounds, strict=False):
        now = date + timedelta(hours=1)
        said = (*own, *without_date)
        try:
            found = decide(*known, shipped=tuple(shipped), own=said, now=now)
        except PriceFileError:
            continue
        known = applied(known, found)

        assert len({(row.source, row.valid_from) for row in known}) == len(known)
        assert decide(*known, shipped=tuple(shipped), own=said, now=now) == NOTHING
        for moment in (now, JULY + timedelta(hours=2)):
            dates = [entry for entry in own if entry.valid_from and entry.valid_from <= moment] or without_date
            wanted = max(dates, key=lambda entry: entry.valid_from or now, default=None)
            prices = PriceBook(known).prices_of(vendor="v", model="m", at=moment)
            holding = prices.row(UnitKind.INPUT, input_tokens=0)
            if wanted is not None:
                assert holding is not None
                assert holding.amount == wanted.amounts[0].amount
