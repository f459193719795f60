"""As test_plans.py, of what turns are given besides their messages: knowledge, tools, and what was read for them."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from conversations.models import Content, Document, KnowledgeBase, McpServer, Tool
from conversations.queries import steps as step_queries
from conversations.queries.knowledge import bases, documents, kept_words, search, why_not_found
from conversations.queries.knowledge import contents as kept_contents
from conversations.queries.receipts import ended
from conversations.queries.receipts.assemble import Asked
from conversations.queries.tools import definitions
from conversations.services.erasures import tombstones
from conversations.services.erasures.advance import advance
from conversations.services.knowledge import contents, jobs, removal
from conversations.services.knowledge import documents as document_services
from conversations.services.retention import batches
from conversations.services.retention.kinds import kinds
from conversations.services.runs.tools import lost_calls, pausing, steps
from conversations.values.context.contents import link_key
from tests import builders, plans
from tests.integration.conversations.filled.conftest import Filled
from tests.plans import costly

pytestmark = pytest.mark.django_db

PAGE = 20
# A page, with what belongs to each row.
ROWS_MAX = 120
# Counted by an index: all documents of one base.
DOCUMENTS_MAX = 300
ADMIN_ROWS_MAX = 700
# An erasure's batch and a round of retention: a thousand rows of each kind, and what each of them has.
BATCH_ROWS_MAX = 6_000

Ask = Callable[[Filled], object]


def documents_of(filled: Filled, **wanted: Any) -> object:
    anything: dict[str, Any] = {"status": None, "cursor": None}
    base_id = filled.base.public_id
    return documents.page(account_id=filled.ann.pk, base_id=base_id, **{**anything, **wanted}, limit=PAGE)


def found_document(filled: Filled) -> object:
    one = filled.document
    return documents.for_account(account_id=one.account_id, base_id=one.base.public_id, document_id=one.public_id)


def known_links(filled: Filled) -> object:
    keys = [link_key("https://files.example/")]
    conversation_id = filled.reading.conversation_id
    return kept_contents.of_links(account_id=filled.ann.pk, conversation_id=conversation_id, keys=keys)


def receipt(filled: Filled) -> object:
    asked = Asked(limit=PAGE)
    return ended.of_run(account_id=filled.ann.pk, run_id=filled.called.public_id, asked=asked, is_operator=True)


def explained(filled: Filled) -> object:
    asked: dict[str, Any] = {"query": "invoice", "limit": PAGE, "per_document": 1}
    about: dict[str, Any] = {"base": filled.base.public_id, "expected": filled.document.public_id}
    return why_not_found.search_for(account_id=filled.ann.pk, **about, **asked)


def searched(filled: Filled) -> object:
    return search.search(account_id=filled.ann.pk, bases=[filled.base.public_id], query="invoice 合同", limit=PAGE)


def loaded_tools(filled: Filled) -> object:
    ids = list(Tool.objects.for_account(filled.ann).values_list("public_id", flat=True))
    return definitions.load(account_id=filled.ann.pk, ids=ids, param="tools", now=builders.webhooks.now())


QUERIES: list[Any] = [
    pytest.param(lambda f: bases.page(account_id=f.ann.pk, cursor=None, limit=PAGE), id="bases"),
    pytest.param(lambda f: bases.page(account_id=f.ann.pk, cursor=None, limit=PAGE, name="a"), id="bases by name"),
    pytest.param(documents_of, id="documents"),
    *(pytest.param(partial(documents_of, status=status), id=f"documents, {status}") for status in Document.Status),
    pytest.param(found_document, id="document"),
    pytest.param(searched, id="search"),
    pytest.param(explained, id="why not found"),
    pytest.param(lambda f: step_queries.of_run(account_id=f.ann.pk, run_id=f.called.pk), id="steps of a run"),
    pytest.param(lambda f: step_queries.shown_calls(account_id=f.ann.pk, run_id=f.called.pk), id="calls of a run"),
    pytest.param(receipt, id="receipt of a run with tools"),
    pytest.param(known_links, id="links of a conversation"),
    pytest.param(lambda f: kept_contents.by_digests(account_id=f.ann.pk, digests=[b"0" * 32]), id="files by digest"),
    pytest.param(lambda f: contents.note_use(account_id=f.ann.pk, pks=[1, 2]), id="use of contents"),
    pytest.param(loaded_tools, id="tools of a turn"),
    pytest.param(lambda f: list(jobs.abandoned(are_leases_reliable=True)), id="abandoned jobs"),
    pytest.param(lambda f: jobs.are_due(), id="jobs due"),
    pytest.param(lambda f: list(pausing.expired()), id="expired approvals"),
    pytest.param(lambda f: steps.forget(), id="steps of turns that are not stored"),
    pytest.param(lambda f: lost_calls.end(most=PAGE), id="tool calls that nobody ends"),
]


@pytest.mark.parametrize("ask", QUERIES)
def test_reads_little_more_than_it_shows(filled: Filled, ask: Ask) -> None:
    assert costly(lambda: ask(filled), rows_max=ROWS_MAX) == {}


def test_counting_a_bases_documents_reads_its_own(filled: Filled) -> None:
    assert costly(lambda: bases.counts(filled.base), rows_max=DOCUMENTS_MAX) == {}


def test_words_of_sources_are_found_by_the_ids_of_their_documents(filled: Filled) -> None:
    places = {"account": filled.ann.pk, "firsts": [0], "lasts": [20]}
    content = Content.objects.get(pk=filled.reading.content_id)
    asked = {
        kept_words._OF_KNOWLEDGE: filled.document.public_id,
        kept_words._OF_CONTENTS: bytes(content.digest).hex(),
    }

    read = [
        plans.rows_read(plans.plan_of(statement, {**places, "ids": [key]}, analyze=True))
        for statement, key in asked.items()
    ]

    assert max(read) <= 3


def test_a_claim_of_a_document_reads_the_jobs_alone(filled: Filled) -> None:
    about = {"worker": 1, "lease": timedelta(seconds=8), "share": 3, "accounts": 1_000}

    assert plans.read_from_end_to_end(plans.plan_of(jobs.CLAIM, about)) & plans.LARGE == set()


ADMIN: list[Any] = [
    *("document", "knowledgebase", "tool", "mcpserver"),
    *(f"document?status__exact={status}" for status in Document.Status),
    *(f"document?account__id__exact={{late}}&status__exact={status}" for status in Document.Status),
    *(f"{kind}?account__id__exact={{late}}" for kind in ("document", "knowledgebase")),
    "document?base__id__exact={base}",
    "document?base__id__exact={base}&status__exact=failed",
    *(f"{kind}?q={{{kind}}}" for kind in ("document", "knowledgebase", "tool", "mcpserver")),
    "document?q=doc_",
    "document?o=4",
    *(f"{kind}?is_enabled={value}" for kind in ("tool", "mcpserver") for value in ("True", "False")),
]


@pytest.mark.parametrize("page", ADMIN)
def test_the_admins_lists_read_little_more_than_they_show(filled: Filled, admin_client: Client, page: str) -> None:
    newest = {
        str(model._meta.model_name): model._default_manager.latest("pk").public_id
        for model in (Document, KnowledgeBase, Tool, McpServer)
    }
    kind, _, query = page.format(late=filled.late.pk, base=filled.base.pk, **newest).partition("?")
    address = f"{reverse(f'admin:conversations_{kind}_changelist')}?{query}"

    def show() -> None:
        assert admin_client.get(address).status_code == 200

    assert costly(show, rows_max=ADMIN_ROWS_MAX) == {}


@pytest.mark.parametrize("name", ["tool_calls", "run_steps", "contents"])
def test_a_round_of_retention_reads_its_rows_by_their_age(filled: Filled, name: str) -> None:
    kind = next(kind for kind in kinds() if kind.name == name)

    assert costly(lambda: batches.delete_next(kind), rows_max=ROWS_MAX) == {}


@pytest.mark.parametrize("row", ["called", "reading"])
def test_erasing_a_conversation_reads_only_what_it_has(filled: Filled, row: str) -> None:
    conversation_id = getattr(filled, row).conversation_id
    erasure = tombstones.bury_conversation(conversation_id=conversation_id, requested_by="a test")
    assert erasure is not None

    while not erasure.finished_at:
        assert costly(lambda: advance(erasure_pk=erasure.pk), rows_max=BATCH_ROWS_MAX) == {}
        erasure.refresh_from_db()


def test_adding_and_deleting_a_document_reads_no_other(filled: Filled) -> None:
    about: dict[str, Any] = {"account_id": filled.ann.pk, "base_id": filled.base.public_id}
    made: list[Document] = []

    def add() -> None:
        made.append(document_services.add_text(**about, name=f"new {len(made)}", text=f"Something else {len(made)}."))

    assert costly(add, rows_max=ROWS_MAX) == {}
    assert costly(lambda: removal.delete(**about, document_id=made[0].public_id), rows_max=ROWS_MAX) == {}


@pytest.fixture
def long_base(filled: Filled) -> KnowledgeBase:
    """With many documents that are ready, and behind them a few that have failed."""
    about: dict[str, Any] = {"account_id": filled.ann.pk, "base": filled.base, "kind": "text"}
    states = [{"status": "failed", "error_code": "no_text"}] * 5 + [{"status": "ready"}] * 3_000
    Document.objects.bulk_create(
        Document(**about, **state, name=f"{at}", digest=f"{at}") for at, state in enumerate(states)
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE conversations_document")
    return filled.base


def test_a_page_of_a_long_base_reads_no_more_than_a_page(filled: Filled, long_base: KnowledgeBase) -> None:
    assert costly(lambda: documents_of(filled), rows_max=ROWS_MAX) == {}


@pytest.mark.parametrize("number", [1, 100])
def test_a_page_with_a_number_reads_no_more_than_those_before_it(
    filled: Filled, long_base: KnowledgeBase, number: int
) -> None:
    """And it counts them, by the index."""
    about: dict[str, Any] = {"account_id": filled.ann.pk, "base_id": long_base.public_id}
    queries = plans.queries_of(lambda: documents.numbered_page(**about, number=number, size=PAGE))

    (shown,) = (plans.plan_of(query, analyze=True) for query in queries if "OFFSET" in query or "LIMIT 20" in query)

    assert plans.rows_read(shown) <= number * PAGE + ROWS_MAX
    assert costly(lambda: documents.numbered_page(**about, number=number, size=PAGE), rows_max=4_000) == {}


def test_failed_documents_are_found_behind_all_that_came_later(long_base: KnowledgeBase, admin_client: Client) -> None:
    address = f"{reverse('admin:conversations_document_changelist')}?status__exact=failed"

    assert costly(lambda: admin_client.get(address), rows_max=ROWS_MAX) == {}
