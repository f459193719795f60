"""An embeddings model of any configured vendor, asked as a run of `/v1/embeddings` asks it."""

import re
import threading
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property

from conversations import routing
from conversations.embeddings.port import EmbeddingFailed, Made, Vector
from conversations.errors import ParleyError
from conversations.queries.money import embedding_prices
from conversations.routing import transport
from conversations.rules.money import plausible_usage
from conversations.stores.nearest_passages import DEADLINE_SECONDS, Kind
from conversations.values.requests import Operation
from providers import tokens, vectors
from providers.catalog import Target
from providers.errors import ModelNotFound, ProviderError, RegionRefused, UpstreamGarbled, UpstreamRejected
from providers.events import EmbeddingMade, UsageReported
from providers.messages import EmbeddingRequest, Usage, UsedBeside
from providers.protocols import registry
from providers.transport.http import Transport

BATCH = 32
# A batch's vectors come within a second or two. Less than another worker waits before it makes them too.
PASSAGES_PATIENCE_SECONDS = 30.0
_opening = threading.Lock()
_WORD_BEGINS = re.compile(r"(?<=[a-z])(?=[A-Z])")


class VendorModel:
    """For any thread. Targets are asked in the order of their priority until one answers."""

    batch = BATCH

    def __init__(self, name: str) -> None:
        self._name = name

    @property
    def chance(self) -> float | None:
        """Of its entry in the catalogue."""
        try:
            return routing.entry_for(self._name, operation=Operation.EMBEDDING).chance
        except ParleyError:
            return None

    def warm(self) -> None:
        """Nothing of it is here."""

    def of_passages(self, texts: Sequence[str], *, priced_alone: bool = False) -> Made:
        return self._of(texts, patience=PASSAGES_PATIENCE_SECONDS, priced_alone=priced_alone)

    def of_question(self, text: str, *, priced_alone: bool = False) -> Made:
        """Of one call, which is given up when nobody waits for its answer any more."""
        return self._of([text], patience=DEADLINE_SECONDS[Kind.VENDOR], priced_alone=priced_alone)

    def _of(self, texts: Sequence[str], *, patience: float, priced_alone: bool) -> Made:
        try:
            targets = routing.for_model(self._name, operation=Operation.EMBEDDING)
            if priced_alone:
                targets = [routed for routed in targets if embedding_prices.has_price(routed.target)]
        except ParleyError as exc:
            raise EmbeddingFailed(exc.code) from exc
        failure = EmbeddingFailed("model_not_priced" if priced_alone else "no_target")
        for routed in sorted(targets, key=lambda routed: routed.priority):
            target = replace(routed.target, patience=patience, max_retries=0)
            try:
                return self._ask(target, texts)
            except ProviderError as exc:
                failure = _failure(exc)
        raise failure

    def _ask(self, target: Target, texts: Sequence[str]) -> Made:
        request = EmbeddingRequest(target.model, tuple(texts))
        made: dict[int, str] = {}
        usage: Usage | None = None
        with registry.open_call(request, target, transport=_Http.opened()) as call:
            for event in call:
                if isinstance(event, EmbeddingMade):
                    made[event.choice] = event.data
                elif isinstance(event, UsageReported):
                    usage = event.usage
        if sorted(made) != list(range(len(texts))):
            raise EmbeddingFailed("vectors_missing", is_of_a_text=True)
        found = [Vector.of(vectors.unpack(made[place])) for place in range(len(texts))]
        usage = _plausible(usage, request, target)
        used = UsedBeside(target.vendor, target.model, input_tokens=usage.prompt_tokens)
        return Made(found, used, is_estimated=usage.source == "estimated")


def _plausible(usage: Usage | None, request: EmbeddingRequest, target: Target) -> Usage:
    """As the vendor reported it, if that can be true; else as we estimate."""
    estimated = tokens.estimate_bare(request.inputs)
    if usage is not None and plausible_usage.is_plausible(
        usage, request=request, target=target, prompt_tokens=estimated
    ):
        return usage
    return Usage(estimated, 0, source="estimated")


def _failure(exc: ProviderError) -> EmbeddingFailed:
    """Its code is the error's name: `upstream_rejected`, `content_refused`."""
    is_of_model = isinstance(exc, (ModelNotFound, RegionRefused))
    return EmbeddingFailed(
        _WORD_BEGINS.sub("_", type(exc).__name__).lower(),
        # One number that is none makes a whole answer unreadable.
        is_of_a_text=isinstance(exc, (UpstreamRejected, UpstreamGarbled)) and not is_of_model,
    )


class _Http:
    """One pool of connections for all models of this process, opened by the first call."""

    @cached_property
    def transport(self) -> Transport:
        return transport.new()

    @staticmethod
    def opened() -> Transport:
        with _opening:
            return _http.transport


_http = _Http()
