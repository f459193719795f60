"""What vectors of passages cost the account that owns them, where a vendor makes them. A token costs a dime."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
import redis
from django.db import IntegrityError, connection

from conversations import embeddings
from conversations.embeddings import Made
from conversations.models import (
    Account,
    KnowledgeBase,
    LedgerEntry,
    PassageIndex,
    PassageVector,
    StoredPassage,
    UsageOfDay,
)
from conversations.services.knowledge import index
from conversations.services.money import balances
from conversations.services.money.reconcile import reconcile
from conversations.stores.nearest_passages import Kind
from conversations.workers.vectors import asking, charges, passages
from providers import tokens
from providers.errors import UpstreamRejected
from providers.messages import UsedBeside
from tests.builders.factories import AccountFactory, PriceFactory
from tests.builders.money import ledger_sum, meter, price, state
from tests.builders.texts.passages import add_document, make_base
from tests.fakes import refused_rows

pytestmark = pytest.mark.django_db

MODEL = "echo"
BAD = "A bad passage."
TEXTS = ["The cat sleeps on the mat.", "Refunds are paid within 14 days."]
USED = sum(tokens.estimate_text(text) for text in TEXTS)
COST = f"{Decimal(USED) / 10}"
LEFT = f"{100 - Decimal(USED) / 10}"


@pytest.fixture
def account(valkey: redis.Redis) -> Account:
    price(input="100000")
    return AccountFactory.create(markup_percent=Decimal(0))


def base_of(account: Account, *texts: str) -> KnowledgeBase:
    base = make_base(account, embedding=MODEL)
    for text in texts or TEXTS:
        add_document(base, text)
    return base


def embedded(account: Account) -> list[tuple[str, str, str]]:
    rows = LedgerEntry.objects.for_account(account).filter(kind="embed").order_by("pk")
    return [(f"{row.amount.normalize():f}", f"{row.written_off.normalize():f}", row.model) for row in rows]


def index_of(base: KnowledgeBase) -> PassageIndex:
    return PassageIndex.objects.get(base=base)


def due(base: KnowledgeBase) -> None:
    PassageIndex.objects.filter(base=base).update(vectors_at="2026-01-01T00:00Z")


def used_today(account: Account) -> list[tuple[str, int, int, str, str]]:
    """Model, runs, tokens, what was paid and what it costs by the list."""
    days = UsageOfDay.objects.for_account(account).filter(day=datetime.now(UTC).date())
    return [(day.model, day.runs, day.input, f"{day.cost.normalize():f}", f"{day.price.normalize():f}") for day in days]


def test_a_batch_is_charged_with_its_vectors(account: Account) -> None:
    meter(account, "100")
    base = base_of(account)

    assert passages.make_batch(Kind.VENDOR)

    assert index_of(base).vectors == 2
    assert embedded(account) == [(f"-{COST}", "0", MODEL)]
    assert state(account) == (LEFT, "0", None)
    assert ledger_sum(account) == (LEFT, "0", 0)
    entry = LedgerEntry.objects.get(kind="embed")
    lines = (entry.explanation or {})["lines"]
    assert [(line["kind"], line["units"]) for line in lines] == [("input", USED), ("call", 1)]
    assert (entry.run_id, entry.usage_source) == (None, "estimated")
    assert used_today(account) == [(MODEL, 0, USED, COST, COST)]
    assert reconcile() == 0


def test_the_markup_is_on_top(account: Account) -> None:
    Account.objects.update(markup_percent=Decimal(50))
    meter(account, "100")
    base_of(account)

    passages.make_batch(Kind.VENDOR)

    assert embedded(account) == [(f"-{(Decimal(COST) * 3 / 2).normalize():f}", "0", MODEL)]


def test_an_account_that_pays_nothing_has_its_usage_counted(account: Account) -> None:
    base_of(account)

    passages.make_batch(Kind.VENDOR)

    assert embedded(account) == []
    assert used_today(account) == [(MODEL, 0, USED, "0", COST)]


def test_an_account_whose_calls_are_counted_pays_no_money(account: Account) -> None:
    meter(account, calls=3)
    base_of(account)

    passages.make_batch(Kind.VENDOR)

    assert embedded(account) == []
    assert state(account) == (None, "0", 3)


def test_nothing_is_asked_for_a_balance_that_does_not_suffice(account: Account, asked: list[int]) -> None:
    meter(account, "1")
    base = base_of(account)

    assert passages.make_batch(Kind.VENDOR)

    assert asked == []
    assert (index_of(base).vectors, index_of(base).vectors_error) == (0, "balance_used_up")
    assert embedded(account) == []
    assert used_today(account) == []


def test_vectors_are_made_once_the_balance_suffices(account: Account) -> None:
    meter(account, "1")
    base = base_of(account)
    passages.make_batch(Kind.VENDOR)
    balances.top_up(account=account, amount=Decimal(99))
    due(base)

    passages.make_batch(Kind.VENDOR)

    assert (index_of(base).vectors, index_of(base).vectors_error) == (2, "")
    assert state(account) == (LEFT, "0", None)


def test_what_is_reserved_for_turns_is_not_spent(account: Account) -> None:
    meter(account, "100")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE conversations_balance SET reserved = 99")
    base = base_of(account)

    passages.make_batch(Kind.VENDOR)

    assert index_of(base).vectors_error == "balance_used_up"


def test_a_model_without_a_price_is_refused_to_an_account_that_pays(account: Account, asked: list[int]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE conversations_price")
    PriceFactory.create(vendor="openai", model="other", kind="input", amount=Decimal(1))
    price(vendor="openai", model="another", input="1")
    meter(account, "100")
    base = base_of(account)

    passages.make_batch(Kind.VENDOR)

    assert asked == []
    assert (index_of(base).vectors, index_of(base).vectors_error) == (0, "model_not_priced")


def test_what_the_vendor_reports_is_charged_and_what_is_left_written_off(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    meter(account, COST)
    base = base_of(account)
    reporting(monkeypatch, input_tokens=USED + 5)

    passages.make_batch(Kind.VENDOR)

    assert index_of(base).vectors == 2
    assert embedded(account) == [(f"-{COST}", "0.5", MODEL)]
    assert state(account) == ("0", "0", None)


def test_a_batch_that_two_workers_have_made_is_charged_once(account: Account) -> None:
    """As where one was frozen for longer than it may have an index."""
    meter(account, "100")
    base = base_of(account)
    for _ in range(2):
        taken = {**PassageIndex.objects.values("vectors_to", "dimensions").get(), "index": index_of(base).pk}
        lacking = list(StoredPassage.objects.values("id", "text").order_by("pk"))
        texts = [row["text"] for row in lacking]
        asked = asking.ask(embeddings.of(MODEL), texts, failures=0)
        about = {**taken, "account": account.pk, "embedding": MODEL}
        payer = charges.before(about, texts)
        passages._keep(about, lacking, asked, charges.of(about, payer, asked))

    assert index_of(base).vectors == 2
    assert embedded(account) == [(f"-{COST}", "0", MODEL)]


def test_passages_that_are_gone_are_not_charged(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    meter(account, "100")
    base = make_base(account, embedding=MODEL)
    add_document(base, "a" * 30)
    gone = add_document(base, "b" * 30)
    reporting(
        monkeypatch,
        input_tokens=20,
        meanwhile=lambda: index.remove(account_id=account.pk, document_ids=[gone.pk]),
    )

    passages.make_batch(Kind.VENDOR)

    assert index_of(base).vectors == 1
    assert embedded(account) == [("-1", "0", MODEL)]


def test_each_call_is_charged_where_a_text_is_refused_and_that_text_is_not(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Halves of a batch are asked for, until the text is alone: two targets answer, as after a failure of one."""
    meter(account, "100")
    base = base_of(account, "a" * 30, "b" * 30, BAD)
    vendors = iter(("openai", "echo"))
    price(vendor="openai", model="x", input="50000")
    make = embeddings.vendor.VendorModel._ask

    def ask(self: object, target: object, texts: list[str]) -> Made:
        if BAD in texts:
            raise UpstreamRejected("invalid input")
        made = make(self, target, texts)  # type: ignore[arg-type]
        vendor = next(vendors)
        used = UsedBeside(vendor, "x" if vendor == "openai" else vendor, input_tokens=10)
        return Made(made.vectors, used)

    monkeypatch.setattr(embeddings.vendor.VendorModel, "_ask", ask)

    passages.make_batch(Kind.VENDOR)

    assert (index_of(base).vectors, index_of(base).refused) == (2, 1)
    assert embedded(account) == [("-1", "0", MODEL), ("-0.5", "0", MODEL)]
    assert state(account) == ("98.5", "0", None)
    assert sorted(used_today(account)) == [(MODEL, 0, 10, "0.5", "0.5"), (MODEL, 0, 10, "1", "1")]
    assert reconcile() == 0


def test_a_text_that_the_vendor_refuses_is_set_aside_for_nothing(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also the text that shows that the model works is nobody's."""
    meter(account, "100")
    base = base_of(account, BAD)
    make = embeddings.vendor.VendorModel._ask

    def ask(self: object, target: object, texts: list[str]) -> Made:
        if BAD in texts:
            raise UpstreamRejected("invalid input")
        return make(self, target, texts)  # type: ignore[arg-type]

    monkeypatch.setattr(embeddings.vendor.VendorModel, "_ask", ask)

    for _ in range(asking.ATTEMPTS):
        due(base)
        passages.make_batch(Kind.VENDOR)

    assert (index_of(base).vectors, index_of(base).refused) == (0, 1)
    assert (embedded(account), used_today(account)) == ([], [])
    assert state(account) == ("100", "0", None)


def test_nothing_is_charged_for_vectors_that_cannot_be_kept(account: Account) -> None:
    """A worker that dies, or a row that is refused, between the vendor's answer and the end of the transaction."""
    meter(account, "100")
    base = base_of(account)

    with refused_rows.refusing(run_sql, "passagevector", "INSERT", when="true"):
        passages.make_batch(Kind.VENDOR)

    assert (index_of(base).vectors, embedded(account), used_today(account)) == (0, [], [])
    assert state(account) == ("100", "0", None)


@pytest.mark.parametrize("table", ["ledgerentry", "usageofday"])
def test_no_vectors_are_kept_that_cannot_be_charged(account: Account, table: str) -> None:
    meter(account, "100")
    base = base_of(account)

    with refused_rows.refusing(run_sql, table, "INSERT", when="true"):
        passages.make_batch(Kind.VENDOR)

    assert (index_of(base).vectors, index_of(base).vectors_error) == (0, "internal_error")
    assert not PassageVector.objects.exists()
    assert state(account) == ("100", "0", None)


def test_nothing_is_written_of_an_erased_account(account: Account) -> None:
    meter(account, "100")
    base_of(account)
    Account.objects.update(erased_at=datetime.now(UTC))

    passages.make_batch(Kind.VENDOR)

    assert embedded(account) == []
    assert not UsageOfDay.objects.exists()


def test_a_ledger_takes_no_other_kinds(account: Account) -> None:
    with pytest.raises(IntegrityError, match="ledger_entry_has_a_known_kind"):
        LedgerEntry.objects.create(account=account, kind="other")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many texts the vendor was asked for, call by call."""
    found: list[int] = []
    make = embeddings.vendor.VendorModel._ask

    def ask(self: object, target: object, texts: list[str]) -> Made:
        found.append(len(texts))
        return make(self, target, texts)  # type: ignore[arg-type]

    monkeypatch.setattr(embeddings.vendor.VendorModel, "_ask", ask)
    return found


def reporting(monkeypatch: pytest.MonkeyPatch, *, input_tokens: int, meanwhile: object = None) -> None:
    make = embeddings.vendor.VendorModel._ask

    def ask(self: object, target: object, texts: list[str]) -> Made:
        made = make(self, target, texts)  # type: ignore[arg-type]
        if callable(meanwhile):
            meanwhile()
        return Made(made.vectors, UsedBeside("echo", "echo", input_tokens=input_tokens))

    monkeypatch.setattr(embeddings.vendor.VendorModel, "_ask", ask)


def run_sql(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)
