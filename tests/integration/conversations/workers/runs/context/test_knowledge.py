import pytest

from conversations import errors
from conversations.queries.knowledge.search import Hit
from conversations.values.context.sources import Passage, Source, SourceKind
from conversations.workers.runs.context import knowledge
from tests.fakes.web import FakeWeb
from tests.integration.conversations.workers.runs.context.conftest import Gathers

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("valkey")]


def hit(document: str, start: int, score: float, *, base: str = "kb_1") -> Hit:
    text = f"passage {start}"
    return Hit(base, document, f"{document}.pdf", "", 0, text, start, start + len(text), 2, score)


def test_each_document_is_a_source_with_its_passages_in_order() -> None:
    hits = [hit("doc_2", 50, 9.0), hit("doc_1", 10, 8.0), hit("doc_2", 5, 7.0), hit("doc_1", 0, 1.0, base="kb_2")]

    found = knowledge.sources(hits)

    assert found[0] == Source(
        SourceKind.KNOWLEDGE,
        id="doc_2",
        title="doc_2.pdf",
        base="kb_1",
        passages=(Passage("passage 5", 5, 14, 2, 7.0), Passage("passage 50", 50, 60, 2, 9.0)),
    )
    assert [(source.base, source.id, [passage.start for passage in source.passages]) for source in found[1:]] == [
        ("kb_1", "doc_1", [10]),
        ("kb_2", "doc_1", [0]),
    ]


def test_a_base_that_the_account_does_not_have_is_named(gathers: Gathers, web: FakeWeb) -> None:
    with pytest.raises(errors.InvalidRequest, match="kb_foreign") as refused:
        gathers("What is it?", knowledge=("kb_foreign",), search=True)

    assert refused.value.param == "knowledge"
