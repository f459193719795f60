"""What a batch of passages costs its account, where a vendor makes the vectors."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from conversations.embeddings import EmbeddingFailed
from conversations.errors import ParleyError
from conversations.services.money import embeddings
from conversations.services.money.embeddings import Call, Payer
from conversations.stores import nearest_passages
from conversations.stores.nearest_passages import Kind
from conversations.workers.vectors.asking import Asked

# Of a batch: `account`, and the model's name in `embedding`.
Taken = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Charges:
    """`calls`: each with the places of its texts."""

    calls: Sequence[tuple[range, Call]]
    payer: Payer

    def record(self, kept: Collection[int], *, lengths: Sequence[int]) -> None:
        """In the transaction that keeps the vectors, as its last step.

        `kept`: the places of the texts whose vectors are. Of a call that has brought others too, as large a part is
        charged as these are of the `lengths` of its texts.
        """
        found = []
        for places, call in self.calls:
            own = [place for place in places if place in kept]
            if len(own) == len(places):
                found.append(call)
            elif own:
                found.append(call.part(sum(lengths[place] for place in own) / sum(lengths[place] for place in places)))
        embeddings.record(found, payer=self.payer)


def before(taken: Taken, texts: Sequence[str]) -> Payer | None:
    """Who pays; None for the local model. Raises EmbeddingFailed for what the account cannot pay."""
    if nearest_passages.kind_of(taken["embedding"]) is Kind.LOCAL:
        return None
    payer = embeddings.payer_of(taken["account"])
    try:
        payer.check(taken["embedding"], texts)
    except ParleyError as exc:
        raise EmbeddingFailed(exc.code) from exc
    return payer


def of(taken: Taken, payer: Payer | None, asked: Asked) -> Charges | None:
    """Before the transaction that keeps the vectors. Raises EmbeddingFailed when prices cannot be read."""
    if payer is None:
        return None
    try:
        calls = [
            (places, Call.of(taken["embedding"], made.used, is_estimated=made.is_estimated))
            for places, made in asked.answers
            if made.used is not None
        ]
        return Charges(calls, payer)
    except ParleyError as exc:
        raise EmbeddingFailed(exc.code) from exc
