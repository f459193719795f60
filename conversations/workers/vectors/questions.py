"""Answers one question of a search: its vector, and the passages nearest to it."""

from dataclasses import asdict

import structlog
from django.db import connection

from conversations import embeddings
from conversations.embeddings import EmbeddingFailed
from conversations.models import KnowledgeBase
from conversations.services import one_by_one
from conversations.stores.nearest_passages import LOCAL_MODEL, Question, Reply
from conversations.workers.vectors import nearest

log = structlog.get_logger(__name__)

STEP = "question_vectors"


def warm() -> None:
    """Loads the local model where a base uses it: its first question would be late."""
    if KnowledgeBase.objects.filter(embedding=LOCAL_MODEL, deleted_at=None).exists():
        embeddings.of(LOCAL_MODEL).warm()
    connection.close()


def answer(question: Question) -> Reply:
    model = embeddings.of(question.embedding)
    try:
        made = model.of_question(question.text, priced_alone=question.is_paid)
    except EmbeddingFailed as exc:
        if one_by_one.known_failures.is_new((STEP, question.embedding)):
            log.warning("question_has_no_vector", embedding=question.embedding, code=exc.code)
        return Reply(failure=exc.code)
    one_by_one.known_failures.resolve((STEP, question.embedding))
    found = nearest.find(
        account_id=question.account_id,
        index_ids=question.index_ids,
        vector=made.vectors[0],
        most=question.most,
        chance=model.chance,
    )
    return Reply(
        found.passage_ids,
        found.shares,
        is_no_match=found.is_no_match,
        failure=found.failure,
        used=None if made.used is None else asdict(made.used),
        is_estimated=made.is_estimated,
    )
