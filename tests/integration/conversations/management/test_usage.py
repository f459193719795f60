"""`export_usage` and `compare_invoice`."""

import csv
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from conversations.models import Account, ApiKey
from conversations.services.runs.finish import AttemptCost
from tests import builders
from tests.builders import locks
from tests.builders.factories import AccountFactory
from tests.builders.usage import count, ended

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("valkey")]

MARCH_1 = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATIN_1 = "date,model,cost,note\n2026-03-01,a,0,caf\xe9\n".encode("latin-1")
UNPRICED = "only counted, 1 without a price"
MARCH = ("--from", "2026-03-01", "--to", "2026-03-31")


@pytest.fixture
def ann() -> Account:
    return AccountFactory.create(name="ann")


@pytest.fixture(autouse=True)
def prices() -> None:
    builders.money.price(input="1", cache_read="0.5", output="2")


def export(tmp_path: Path, *options: str) -> tuple[list[dict[str, str]], str]:
    """The lines, and what the command says."""
    said, file = StringIO(), tmp_path / "usage.csv"
    call_command("export_usage", "--account", "ann", "--output", str(file), *options, stderr=said)
    return list(csv.DictReader(StringIO(file.read_text()))), said.getvalue()


def compare(tmp_path: Path, text: str | bytes, *options: str) -> str:
    said, file = StringIO(), tmp_path / "invoice.csv"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    call_command("compare_invoice", str(file), "--vendor", "echo", *options, stdout=said)
    return said.getvalue()


def test_exports_what_was_used(ann: Account, tmp_path: Path) -> None:
    ended(ann, at=MARCH_1)
    ended(ann, at=MARCH_1)
    ended(AccountFactory.create(name="bob"), at=MARCH_1)

    lines, said = export(tmp_path, *MARCH, "--by", "day,model")

    (line,) = lines
    assert (line["day"], line["model"], line["runs"], line["currency"]) == ("2026-03-01", "echo", "2", "USD")
    assert (line["input"], line["cache_read"], line["output"]) == ("80", "120", "40")
    assert (line["cost"], line["price"]) == ("0", "0.00022")
    assert said.splitlines() == ["100 % 1 lines", "1 lines"]


def test_no_name_becomes_a_formula(ann: Account, tmp_path: Path) -> None:
    ended(ann, model="=HYPERLINK(1)", conversation_id="@SUM", at=MARCH_1)
    ApiKey.objects.update(name="+1")

    lines, _ = export(tmp_path, *MARCH, "--by", "model,key,conversation")

    assert [(line["model"], line["key_name"], line["conversation"]) for line in lines] == [
        ("'=HYPERLINK(1)", "'+1", "'@SUM")
    ]


def test_exports_more_than_a_page(ann: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("conversations.management.commands.export_usage.PAGE_ROWS", 2)
    for number in range(5):
        ended(ann, model=f"model-{number}", at=MARCH_1)

    lines, _ = export(tmp_path, *MARCH, "--by", "model")

    assert [line["model"] for line in lines] == [f"model-{number}" for number in range(5)]


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (("--by", "hour"), "--by is one or more of conversation, day, model, key, with commas between them."),
        (("--from", "2026-03-02", "--to", "2026-03-01"), "--from is after --to."),
        (("--output", "/nowhere/usage.csv"), "/nowhere/usage.csv: No such file or directory"),
        (("--account", "nobody"), "There is no account 'nobody'."),
    ],
)
def test_refuses_to_export_what_it_cannot(ann: Account, options: tuple[str, ...], problem: str) -> None:
    with pytest.raises(CommandError) as refused:
        call_command("export_usage", *("--account", "ann"), *options)

    assert str(refused.value) == problem


def test_a_file_is_not_overwritten(ann: Account, tmp_path: Path) -> None:
    export(tmp_path)

    with pytest.raises(CommandError, match="File exists"):
        export(tmp_path)


def test_an_invoice_that_says_the_same(ann: Account, tmp_path: Path) -> None:
    Account.objects.update(markup_percent=100)
    ended(ann, at=MARCH_1)
    ended(AccountFactory.create(name="bob"), at=MARCH_1)

    said = compare(tmp_path, "\ufeffdate,model,input_tokens,output_tokens,amount\n2026-03-01,echo,200,40,0.00022\n")

    assert said.splitlines() == ["echo, 2026-03-01 to 2026-03-01: 1 days and models.", "No differences."]


def test_differences_are_a_table(ann: Account, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ended(ann, at=MARCH_1)
    ended(ann, at=MARCH_1, target="echo / env / unpriced")
    file = tmp_path / "invoice.csv"
    file.write_text("date,model,input_tokens,amount\n2026-03-01,echo,150,1\n2026-03-02,\x1b[31mred,1,1\n")

    with pytest.raises(CommandError, match=r"^3 differ\.$") as refused:
        call_command("compare_invoice", str(file), "--vendor", "echo")

    assert refused.value.returncode == 1
    assert [line.split() for line in capsys.readouterr().out.splitlines()[2:]] == [
        ["2026-03-01", "echo", "150", "100", "–", "20", "1.000000", "0.000110", "0.999890"],
        ["2026-03-01", "unpriced", "–", "100", "–", "20", "–", "0.000000", "–", *UNPRICED.split()],
        ["2026-03-02", "?[31mred", "1", "–", "–", "–", "1.000000", "–", "1.000000", "only", "billed"],
    ]


def test_an_attempt_that_was_put_back_is_on_the_invoice(ann: Account, tmp_path: Path) -> None:
    run = builders.runs.start(ann, model="echo")
    builders.runs.claim(run)
    cost = AttemptCost(usage=builders.usage.USED, target=builders.usage.TARGET)
    builders.runs.requeue(run, cost=cost)
    count()
    today = datetime.now(UTC).date()

    assert "No differences." in compare(tmp_path, f"date,model,input_tokens\n{today},echo,100\n")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (LATIN_1, "is not utf-8-sig: say --encoding, such as latin-1."),
        (b"date,model,usd\n2026-03-01,\x00,1\n", "line 2: contains a NUL character: is it a spreadsheet, or UTF-16?"),
        (b"date,model,cost\n", "has no lines."),
        (b"9" * 300_000, "line 1: is longer than 100,000 characters"),
        (b"date,model,cost\n2026-03-01,a,5e22\n", "line 2: the amount '5e22' is more than 1,000,000,000,000"),
    ],
    ids=["latin-1", "NUL", "no lines", "one long line", "beyond all bounds"],
)
def test_a_file_that_cannot_be_read_is_refused_in_a_line(tmp_path: Path, content: bytes, problem: str) -> None:
    with pytest.raises(CommandError) as refused:
        compare(tmp_path, content)

    assert str(refused.value) == f"{tmp_path / 'invoice.csv'}: {problem}"
    assert refused.value.returncode == 2


def test_an_encoding_is_taken(ann: Account, tmp_path: Path) -> None:
    assert "No differences." in compare(tmp_path, LATIN_1, "--encoding", "latin-1")


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (("--encoding", "utf-16"), "{file}: is not utf-16: say --encoding, such as latin-1."),
        (("--encoding", "undefined"), "{file}: is not undefined: say --encoding, such as latin-1."),
        (("--date-format", "%d %d"), "{file}: line 2: the date '2026-03-01' is not in the format '%d %d'"),
        (("--from", "2026-03-02", "--to", "2026-03-01"), "There is no day from 2026-03-02 to 2026-03-01."),
        (("--from", "2026-03-02"), "There is no day from 2026-03-02 to 2026-03-01."),
    ],
)
def test_options_that_cannot_be_are_no_comparison(tmp_path: Path, options: tuple[str, ...], problem: str) -> None:
    with pytest.raises(CommandError) as refused:
        compare(tmp_path, "date,model,cost\n2026-03-01,a,0\n", *options)

    assert str(refused.value) == problem.format(file=tmp_path / "invoice.csv")
    assert refused.value.returncode == 2


def test_what_cannot_be_counted_is_no_comparison(ann: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("conversations.services.money.usage.SETTLE_SECONDS", 0.1)

    with locks.open_elsewhere(), pytest.raises(CommandError, match="another transaction goes on") as refused:
        compare(tmp_path, "date,model,cost\n2026-03-01,a,0\n")

    assert refused.value.returncode == 2
