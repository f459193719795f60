"""Knowledge bases with documents that are indexed: each a transaction of its own, with exact counts of words."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from itertools import pairwise
from random import Random
from typing import Any

from django.db import transaction
from django.db.models import Model

from conversations.knowledge import lexemes, passages, terms
from conversations.models import (
    Document,
    DocumentContent,
    KnowledgeBase,
    PassageIndex,
    StoredPassage,
    TermCount,
)
from conversations.services.knowledge import index, usage
from conversations.services.sample_data import proportions
from conversations.services.sample_data.copying import copy_rows, ids_of, timed
from conversations.services.sample_data.owners import Owner
from conversations.services.sample_data.texts import Texts

# Answers of which a document consists, and words that no other one has.
PIECES, OWN_WORDS = (1, 8), 12
# Are written at once.
DOCUMENTS = 500
TABLES: tuple[type[Model], ...] = (
    *(KnowledgeBase, Document, DocumentContent),
    *(PassageIndex, StoredPassage, TermCount),
)
FAILURE = {"error_code": "no_text", "error_message": "No text was found in the document."}


@dataclass(slots=True)
class _Base:
    """What is written of a base so far. `words`: in how many of its passages each is."""

    pk: int
    index: int
    owner: Owner
    words: Counter[str] = field(default_factory=Counter)
    length: int = 0
    passages: int = 0
    last_passage: int = 0
    held_bytes: int = 0


def make(
    owners: Sequence[Owner],
    weights: Sequence[float],
    *,
    number: int,
    random: Random,
    texts: Texts,
    ends: Sequence[datetime],
) -> None:
    """`number` documents, of the owners as their weights are. `ends`: between these two moments they were added."""
    ids = {model: ids_of(model) for model in (KnowledgeBase, Document, PassageIndex, StoredPassage)}
    for owner, weight in zip(owners, weights, strict=True):
        of_owner = round(number * weight / sum(weights))
        borders = [of_owner * at // proportions.BASES for at in range(proportions.BASES + 1)]
        for begin, end in pairwise(borders):
            if end > begin:
                _write(owner, end - begin, random=random, texts=texts, ends=ends, ids=ids)


def _write(owner: Owner, number: int, *, random: Random, texts: Texts, ends: Sequence[datetime], ids: Any) -> None:
    base = _Base(next(ids[KnowledgeBase]), next(ids[PassageIndex]), owner)
    public_id = timed("kb", ends[0], random)
    row = {"id": base.pk, "account_id": owner.pk, "public_id": public_id, "name": f"filled {random.getrandbits(48):x}"}
    with transaction.atomic():
        copy_rows(KnowledgeBase, [{**row, "index_version": index.VERSION, "created_at": ends[0]}])
        for begin in range(0, number, DOCUMENTS):
            _write_documents(base, min(DOCUMENTS, number - begin), random=random, texts=texts, ends=ends, ids=ids)
        counted = {"passages": base.passages, "words": base.length, "last_passage": base.last_passage}
        about = {"account_id": owner.pk, "base_id": base.pk, "generation": 1}
        copy_rows(PassageIndex, [{"id": base.index, **about, **counted}])
        own = {"account_id": owner.pk, "index_id": base.index}
        copy_rows(TermCount, [{**own, "term": term, "passages": count} for term, count in base.words.items()])
        usage.lock(account_id=owner.pk)
        usage.change(account_id=owner.pk, documents=number, held_bytes=base.held_bytes)


def _write_documents(
    base: _Base, number: int, *, random: Random, texts: Texts, ends: Sequence[datetime], ids: Any
) -> None:
    documents, contents, found = list[dict[str, Any]](), list[dict[str, Any]](), list[dict[str, Any]]()
    for _ in range(number):
        pk, at = next(ids[Document]), ends[0] + (ends[1] - ends[0]) * random.random()
        has_failed = random.random() < proportions.FAILED_DOCUMENT_SHARE
        text = "" if has_failed else _text(random, texts)
        made = _passages(base, pk, text, ids[StoredPassage])
        found += made
        documents.append(_document(base, pk, text, made=len(made), at=at, random=random))
        contents.append({"document_id": pk, "account_id": base.owner.pk, "text": text, "page_starts": "[]"})
    copy_rows(Document, documents)
    copy_rows(DocumentContent, contents)
    copy_rows(StoredPassage, found)


def _document(base: _Base, pk: int, text: str, *, made: int, at: datetime, random: Random) -> dict[str, Any]:
    size = len(text.encode()) or 1_000
    base.held_bytes += size
    ready = {"status": "ready", "error_code": "", "error_message": "", "indexed_in": 1, "ready_at": at}
    failed = {"status": "failed", **FAILURE, "indexed_in": 0, "ready_at": None}
    return {
        "id": pk,
        "account_id": base.owner.pk,
        "base_id": base.pk,
        "public_id": timed("doc", at, random),
        "name": f"document {pk}",
        "kind": Document.Kind.TEXT.value,
        "digest": sha256(text.encode()).hexdigest(),
        "media_type": "text/plain",
        "size": size,
        "held_bytes": size,
        "characters": len(text),
        "passages": made,
        "created_at": at,
        **(ready if text else failed),
    }


def _text(random: Random, texts: Texts) -> str:
    pieces = [random.choice(texts.answers).text for _ in range(random.randint(*PIECES))]
    return "\n\n".join([*pieces, " ".join(f"{random.getrandbits(40):010x}" for _ in range(OWN_WORDS))])


def _passages(base: _Base, document: int, text: str, ids: Any) -> list[dict[str, Any]]:
    """As `index.add` makes them."""
    rows = []
    for position, passage in enumerate(passages.split(text)):
        found = terms.counts(passage.text)
        length = found.total()
        found.update(terms.single_characters(passage.text) - found.keys())
        base.words.update(found.keys())
        base.length, base.passages, base.last_passage = base.length + length, base.passages + 1, next(ids)
        rows.append(
            {
                "id": base.last_passage,
                "account_id": base.owner.pk,
                "index_id": base.index,
                "document_id": document,
                "position": position,
                "text": passage.text,
                "start": passage.start,
                "end": passage.end,
                "page": passage.page,
                "words": length,
                "lexemes": lexemes.as_vector(lexemes.of(base.index, found)),
            }
        )
    return rows
