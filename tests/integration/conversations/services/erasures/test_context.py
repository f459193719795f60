"""An account in the middle of what it does with tools, documents and vectors: nothing of it is left either."""

import pytest
from django.apps import apps

from conversations.embeddings.port import Vector
from conversations.models import Account, Content, Conversation, IndexingJob, PassageIndex, RunStep, ToolCall
from conversations.services.erasures import begin
from conversations.workers.knowledge import indexing
from conversations.workers.vectors import passages as vector_passages
from conversations.workers.vectors.asking import Asked
from tests import builders
from tests.builders.knowledge import claimed

pytestmark = pytest.mark.django_db

# Evidence without content: see `begin.erase_account`.
STAYS = {"account", "activerun", "apikey", "balance", "conversation", "erasure", "ledgerentry", "preset", "run"}
STAYS |= {"runattempt"}


def rows_of(owner: Account) -> dict[str, int]:
    """How many rows each table has of the account, but for the evidence that stays."""
    found = {
        str(model._meta.model_name): model._default_manager.filter(account=owner.pk).count()
        for model in apps.get_app_config("conversations").get_models()
        if any(field.name == "account" for field in model._meta.concrete_fields)
    }
    return {name: count for name, count in found.items() if count and name not in STAYS}


def test_nothing_is_left_while_a_run_waits_and_a_document_is_processed(ann: Account, bob: Account) -> None:
    for owner in (ann, bob):
        builders.tools.tool(owner)
        builders.tools.mcp_server(owner)
        builders.contents.read(builders.tools.called(owner, conversation_id="called"))
        builders.tools.paused(owner, conversation_id="waits")
        base = builders.knowledge.base(owner)
        builders.knowledge.ready(base, "a", "b")
        builders.knowledge.document(base, "c")
    job = claimed()
    of_owner = {ann.pk: ann, bob.pk: bob}[job.account_id]
    other = bob if of_owner == ann else ann
    before = rows_of(other)

    erasure = builders.erasures.erase_account(of_owner)
    builders.erasures.batches(erasure, most=1_000)

    indexing.work(job)
    assert rows_of(of_owner) == {}
    assert not any((erasure.left or {"": 1}).values())
    assert rows_of(other) == before
    assert not IndexingJob.objects.for_account(of_owner).exists()


def test_vectors_that_are_made_meanwhile_are_not_kept(ann: Account) -> None:
    base = builders.knowledge.base(ann)
    builders.knowledge.ready(base, "a")
    index = PassageIndex.objects.get()
    taken = {"account": ann.pk, "index": index.pk, "vectors_to": 0, "dimensions": None, "failures": 0, "embedding": "x"}

    builders.erasures.batches(builders.erasures.erase_account(ann), most=1_000)
    vector_passages._keep(taken, [{"id": 1}], Asked(vectors={0: Vector.of([1.0])}), None)

    assert rows_of(ann) == {}


def test_a_deleted_conversation_takes_its_waiting_run_along(ann: Account) -> None:
    builders.contents.read(builders.tools.called(ann, conversation_id="a"))
    builders.tools.paused(ann, conversation_id="a")

    begin.delete_conversation(conversation_id=Conversation.objects.get().pk, requested_by="a test")

    assert [model.objects.count() for model in (RunStep, ToolCall, Content)] == [0, 0, 0]
