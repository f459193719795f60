"""Searches outside of turns: the vector that a vendor makes of a question is paid at once."""

from collections.abc import Sequence

from conversations.errors import ParleyError
from conversations.queries.knowledge.meanings import MayAsk, VectorUsed
from conversations.services.money import embeddings
from conversations.services.money.embeddings import Call
from conversations.values.callers import Caller


def may_ask(caller: Caller) -> MayAsk | None:
    """None for an account that does not pay, as it was some seconds ago. Without money the words are searched alone."""
    if caller.metering is None or not caller.metering.pays:
        return None

    def refusal(embedding: str, question: str) -> str:
        try:
            embeddings.payer_of(caller.account_id).check(embedding, [question])
        except ParleyError as exc:
            return exc.code
        return ""

    return refusal


def charge(used: Sequence[VectorUsed], *, caller: Caller) -> None:
    """Raises ServiceUnavailable when no price is known."""
    for one in used:
        call = Call.of(one.embedding, one.used, is_estimated=one.is_estimated, api_key_id=caller.api_key_id)
        embeddings.record([call], payer=embeddings.payer_of(caller.account_id))
