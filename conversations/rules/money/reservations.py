"""How much is reserved for a run before its cost is known."""

import math
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from conversations.rules.money import cost, unit_counts
from conversations.rules.prices.price_book import ModelPrices
from conversations.values.prices import UnitKind
from providers import tokens
from providers.events import AudioDelta, ReasoningDelta, RefusalDelta, StreamEvent, TextDelta, ToolCallDelta

# Of an answer, at first: most are shorter than twice this, and a longer one has its reservation raised while it comes.
FIRST_OUTPUT_TOKENS = 256
# By how many tokens of its answer a run's reservation is raised at once.
SLICE_TOKENS = 1024
# Text has fewer tokens than a third of its bytes: a Chinese character is three bytes, an English word five and more.
BYTES_PER_TOKEN = 3
# Bytes of sound in a byte of base64.
BASE64_SHARE = 3 / 4
UNLIMITED = math.inf

# What the question costs, and what a slice of an answer does.
Rates = tuple[Decimal, Decimal]


def estimates(
    prices: Iterable[ModelPrices],
    *,
    input_tokens: int,
    output_tokens: int,
    markup_percent: Decimal,
    output_kind: UnitKind = UnitKind.OUTPUT,
) -> list[Decimal]:
    """What a call of this size costs at each of the prices; those that are no price of such a call are left out."""
    units = unit_counts.estimated(input_tokens=input_tokens, output_tokens=output_tokens, output_kind=output_kind)
    found = [cost.of(units, each, markup_percent=markup_percent) for each in prices]
    return [each.amount for each in found if each is not None]


def dearest_output(prices: ModelPrices, options: Mapping[str, Any]) -> UnitKind:
    """The kind of token that an answer may be made of and that costs most: thoughts may, and sound if it is wanted."""
    modalities = options.get("modalities")
    is_spoken = isinstance(modalities, list | tuple) and "audio" in modalities
    kinds = [UnitKind.OUTPUT, UnitKind.REASONING]
    if is_spoken:
        kinds.append(UnitKind.AUDIO_OUTPUT)
    dearest: UnitKind = max(kinds, key=lambda kind: max((row.amount for row in prices.tiers.get(kind, ())), default=-1))
    return dearest


def output_tokens(options: Mapping[str, Any], *, has_answer: bool) -> int:
    """How much of an answer is reserved for at first: what the caller limits it to, if that is less than usual."""
    if not has_answer:
        return 0
    asked = options.get("max_completion_tokens", options.get("max_tokens"))
    return min(asked, FIRST_OUTPUT_TOKENS) if isinstance(asked, int) else FIRST_OUTPUT_TOKENS


def affordable(amount: Decimal, rates: Rates) -> float:
    """How many tokens of answers the amount pays for, besides the question."""
    question, slice_cost = rates
    if slice_cost <= 0:
        return UNLIMITED
    return max(0, int((amount - question) * SLICE_TOKENS / slice_cost))


def size_of(event: StreamEvent) -> float:
    """Of a piece of an answer, in bytes of its text."""
    if isinstance(event, TextDelta | ReasoningDelta | RefusalDelta):
        return _bytes(event.text)
    if isinstance(event, ToolCallDelta):
        return _bytes(event.arguments)
    return _audio_bytes(event) if isinstance(event, AudioDelta) else 0


def _audio_bytes(event: AudioDelta) -> float:
    """Of text that has as many tokens. Sound costs more: the limit that the vendor was given allows for that."""
    data, transcript = event.audio.get("data") or "", event.audio.get("transcript") or ""
    spoken = len(data) * BASE64_SHARE / tokens.AUDIO_BYTES_PER_TOKEN
    return spoken * BYTES_PER_TOKEN + _bytes(transcript)


def _bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
