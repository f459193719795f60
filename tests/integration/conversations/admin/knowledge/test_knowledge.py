"""Knowledge bases and documents in the admin: their state, and actions that call the services."""

import pytest
from django.db.models import Model
from django.test import Client
from django.urls import reverse

from conversations.knowledge.failures import DocumentFailed
from conversations.models import Account, Document, IndexingJob, KnowledgeBase, PassageIndex
from conversations.services.knowledge import results
from tests import builders
from tests.builders.knowledge import claimed

pytestmark = pytest.mark.django_db


def act(client: Client, action: str, row: Model, *, is_confirmed: bool = False) -> str:
    chosen = {"action": action, "index": "0", "_selected_action": [row.pk]}
    url = reverse(f"admin:conversations_{row._meta.model_name}_changelist")
    return client.post(url, chosen | ({"confirmed": "yes"} if is_confirmed else {}), follow=True).content.decode()


def page(client: Client, row: Model) -> str:
    url = reverse(f"admin:conversations_{row._meta.model_name}_change", args=[row.pk])
    return client.get(url).content.decode()


def lists(client: Client) -> str:
    urls = [reverse(f"admin:conversations_{name}_changelist") for name in ("knowledgebase", "document")]
    return "".join(client.get(url).content.decode() for url in urls)


def test_shows_what_a_base_has_and_why_a_document_failed(admin_client: Client, ann: Account) -> None:
    base = builders.knowledge.base(ann)
    builders.knowledge.ready(base, "a")
    failed = builders.knowledge.document(base, "b", "xyzzy")
    results.fail(claimed(), DocumentFailed("damaged", "It is damaged."))
    queued = builders.knowledge.document(base, "c")

    assert base.public_id in lists(admin_client)
    assert failed.public_id in lists(admin_client)
    assert "1 queued, 0 processing, 1 ready, 1 failed" in page(admin_client, base)
    assert "It is damaged." in page(admin_client, failed)
    assert "xyzzy" not in page(admin_client, failed)
    assert "attempt 1, due at" in page(admin_client, queued)


def test_tries_a_failed_document_again_and_only_that(admin_client: Client, ann: Account) -> None:
    base = builders.knowledge.base(ann)
    (ready,) = builders.knowledge.ready(base, "a")
    failed = builders.knowledge.document(base, "b")
    results.fail(claimed(), DocumentFailed("damaged", "It is damaged."))

    assert "Documents queued: 1." in act(admin_client, "retry", failed)
    refused = act(admin_client, "retry", ready)

    assert "The document is ready: only one that has failed is tried again." in refused
    assert "Documents queued: 0." in refused
    assert [*IndexingJob.objects.values_list("pk", flat=True)] == [failed.pk]


def test_re_indexes_and_deletes_a_base(admin_client: Client, ann: Account) -> None:
    base = builders.knowledge.base(ann)

    assert "Re-indexing begun: 1." in act(admin_client, "reindex", base)
    asked = act(admin_client, "delete_bases", base)
    assert KnowledgeBase.objects.get(pk=base.pk).next_generation == 2
    assert KnowledgeBase.objects.get(pk=base.pk).deleted_at is None
    done = act(admin_client, "delete_bases", base, is_confirmed=True)

    assert "Nobody finds them any more." in asked
    assert "Knowledge bases deleted: 1." in done
    assert KnowledgeBase.objects.get(pk=base.pk).deleted_at is not None


def test_deletes_a_document(admin_client: Client, ann: Account) -> None:
    (made,) = builders.knowledge.ready(builders.knowledge.base(ann), "a")

    act(admin_client, "delete_documents", made)
    assert Document.objects.count() == 1
    assert "Documents deleted: 1." in act(admin_client, "delete_documents", made, is_confirmed=True)
    assert Document.objects.count() == 0


def test_shows_how_far_vectors_are_and_why_some_are_missing(admin_client: Client, ann: Account) -> None:
    base = builders.knowledge.base(ann)
    (document,) = builders.knowledge.ready(base, "a")
    assert "words alone" in page(admin_client, base)

    KnowledgeBase.objects.update(embedding="echo")
    PassageIndex.objects.update(vectors_error="upstream_unavailable", vectors_at="2026-01-01T00:00Z")

    assert "0 of 1 passages, upstream_unavailable" in page(admin_client, base)
    assert "0 of 1 passages, upstream_unavailable" in page(admin_client, document)
