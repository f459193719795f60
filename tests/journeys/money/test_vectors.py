"""Journey: vectors that a vendor makes for a knowledge base. It reports ten tokens for each call, which cost 0.01."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from unittest.mock import ANY

import pytest

from tests.fakes.replies import Json, Reply, answers, embeddings, says
from tests.fakes.upstream import FakeUpstream
from tests.journeys import books
from tests.journeys.clients import knowledge, tools
from tests.journeys.clients.aichat import new_id
from tests.journeys.clients.webhooks import call
from tests.journeys.money.conftest import MODEL, OpenPayer, Payer
from tests.waiting import eventually

EMBEDDING = "text-embedding-3-small"
TEXT = "Refunds are paid within 14 days."
QUESTION = "When are refunds paid?"
EMBEDDED = """
SELECT l.* FROM conversations_ledgerentry l JOIN conversations_account a ON a.id = l.account_id
WHERE a.name = %s AND l.kind = 'embed' ORDER BY l.id
"""


@pytest.fixture
def upstream(upstream: FakeUpstream) -> FakeUpstream:
    upstream.default = replied
    return upstream


def replied(body: Json) -> Reply:
    if "input" not in body:
        return says("Within 14 days [1].", usage=tools.USAGE)
    texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
    return answers(embeddings(*([1.0, float(place)] for place, _ in enumerate(texts)), prompt_tokens=10))


def embedded(paying: Payer) -> list[tuple[str, str]]:
    return [(books.shown(row["amount"]), row["model"]) for row in paying.rows.all(EMBEDDED, paying.name)]


def make(paying: Payer) -> str:
    """A base with one document, whose passage has a vector."""
    base = knowledge.make_base(paying.api, embedding=EMBEDDING)
    document = knowledge.add(paying.api, base, name="Manual", text=TEXT)
    assert knowledge.ended(paying.api, base, document["id"])["status"] == "ready"
    eventually(lambda: embedded(paying), lambda found: found == [("-0.01", EMBEDDING)])
    return base


def with_vectors(search: Any) -> Json:
    """What a search finds once its question's vector came in time, which on a busy machine takes some tries."""
    return dict(eventually(search, lambda found: found["notes"] == {}))


def test_passages_and_a_search_are_paid_by_the_batch(upstream: FakeUpstream, paying: Payer) -> None:
    base = make(paying)
    assert paying.state == ("9.99", "0", None)

    found = with_vectors(lambda: call(paying.api, "POST", f"knowledge/{base}/search", json={"query": QUESTION}))

    assert [hit["text"] for hit in found["results"]] == [TEXT]
    assert embedded(paying) == [("-0.01", EMBEDDING)] * 2
    assert paying.state == ("9.98", "0", None)
    (day,) = call(paying.api, "GET", f"usage?from={datetime.now(UTC).date()}&by=day,model")["results"]
    assert (day["model"], day["runs"], day["prompt_tokens"], day["cost"]) == (EMBEDDING, 0, 20, "0.02")


def test_the_vector_of_a_question_is_a_part_of_its_run(upstream: FakeUpstream, paying: Payer) -> None:
    base = make(paying)

    def ask() -> Json:
        body = {"model": MODEL, "question": QUESTION, "id": new_id(), "knowledge": base}
        response = paying.post("/aichat/conversations", body)
        assert response.status_code == 200, response.text
        run_id = response.headers["X-Run-Id"]
        return {"notes": call(paying.api, "GET", f"runs/{run_id}").get("notes") or {}, "run": run_id}

    found = with_vectors(ask)

    cost = call(paying.api, "GET", f"runs/{found['run']}/cost")
    lines = [(line["kind"], line["units"], line["amount"], line["beside"]) for line in cost["lines"]]
    assert lines[:2] == [("input", 10, "0.01", True), ("call", 1, "0", True)]
    assert cost["cost"] == "0.03"
    assert books.settlement(paying.rows, found["run"])["amount"] == Decimal("-0.03")
    assert embedded(paying) == [("-0.01", EMBEDDING)]


def test_a_dry_run_does_without_a_vector_that_somebody_would_have_to_pay(upstream: FakeUpstream, paying: Payer) -> None:
    base, before = make(paying), len(upstream.requests)
    body = {"model": MODEL, "question": QUESTION, "id": new_id(), "knowledge": base}

    shown = paying.post("/aichat/conversations", body, **{"X-Dry-Run": "true"}).json()

    assert (shown["notes"], [source["id"] for source in shown["sources"]]) == ({"knowledge": "words_only"}, [ANY])
    assert len(upstream.requests) == before
    assert embedded(paying) == [("-0.01", EMBEDDING)]


def test_without_money_no_vendor_is_asked_and_words_are_found(upstream: FakeUpstream, payer: OpenPayer) -> None:
    paying = payer("0.000001")
    base = knowledge.make_base(paying.api, embedding=EMBEDDING)
    document = knowledge.add(paying.api, base, name="Manual", text=TEXT)
    assert knowledge.ended(paying.api, base, document["id"])["status"] == "ready"
    failure = "SELECT vectors_error FROM conversations_passageindex WHERE vectors_error <> '' AND vectors = 0"
    eventually(lambda: paying.rows.all(failure), bool)

    found = call(paying.api, "POST", f"knowledge/{base}/search", json={"query": QUESTION})

    assert [hit["text"] for hit in found["results"]] == [TEXT]
    assert found["notes"] == {"vectors": "balance_used_up"}
    assert upstream.requests == []
    assert paying.rows.all(failure) == [{"vectors_error": "balance_used_up"}]
    assert (embedded(paying), paying.state) == ([], ("0.000001", "0", None))
