"""Usage in one normal form for prices: every token is counted once, and the parts add up to what was reported."""

from collections.abc import Iterable, Iterator, Mapping

from conversations.values.prices import UnitCounts, UnitKind
from providers.messages import Usage


def of_calls(usage: Usage) -> list[UnitCounts]:
    """The units of each call that the usage is of. What was used beside them is in `beside.py`."""
    if usage.beside and not (usage.of_calls or usage.total_tokens):
        # No model was asked.
        return []
    return [of_usage(call) for call in usage.of_calls or (usage,)]


def of_usage(usage: Usage, *, calls: int = 1) -> UnitCounts:
    """The units of `calls` calls to a model. The tier of prices is that of the whole prompt, so best of one call.

    A vendor's breakdown may contradict its total. Then the total holds: the parts are taken in the order below, and
    what does not fit any more is left out. So nobody pays for more tokens than the vendor counted. Sound and images
    that were read from the cache are counted as cached, since vendors do not say how much of either that was.
    """
    prompt, answer = usage.prompt_details, usage.completion_details
    cache_writes = max(0, prompt.get("cache_write_tokens", 0))
    for_an_hour = min(max(0, usage.cache_write_1h_tokens), cache_writes)
    of_prompt = (
        (UnitKind.CACHE_READ, prompt.get("cached_tokens", 0)),
        (UnitKind.CACHE_WRITE_1H, for_an_hour),
        (UnitKind.CACHE_WRITE_5M, cache_writes - for_an_hour),
        (UnitKind.AUDIO_INPUT, prompt.get("audio_tokens", 0)),
        (UnitKind.IMAGE_INPUT, _images(prompt)),
    )
    of_answer = (
        (UnitKind.REASONING, answer.get("reasoning_tokens", 0)),
        (UnitKind.AUDIO_OUTPUT, answer.get("audio_tokens", 0)),
        (UnitKind.IMAGE_OUTPUT, _images(answer)),
    )
    others = ((UnitKind.CALL, calls), (UnitKind.SEARCH, usage.searches))
    return _counts(
        *_parts(usage.prompt_tokens, of_prompt, rest=UnitKind.INPUT),
        *_parts(usage.completion_tokens, of_answer, rest=UnitKind.OUTPUT),
        *others,
    )


def estimated(
    *, input_tokens: int, output_tokens: int, calls: int = 1, output_kind: UnitKind = UnitKind.OUTPUT
) -> UnitCounts:
    """A question before it is asked: nothing of it is taken to be cached. Embeddings have no `output_tokens`."""
    return _counts((UnitKind.INPUT, input_tokens), (output_kind, output_tokens), (UnitKind.CALL, calls))


def _images(details: Mapping[str, int]) -> int:
    """Frames of a video are charged as images (Qwen)."""
    return max(0, details.get("image_tokens", 0)) + max(0, details.get("video_tokens", 0))


def _parts(total: int, parts: Iterable[tuple[UnitKind, int]], *, rest: UnitKind) -> Iterator[tuple[UnitKind, int]]:
    left = max(0, total)
    for kind, count in parts:
        fitting = min(max(0, count), left)
        left -= fitting
        yield kind, fitting
    yield rest, left


def _counts(*counts: tuple[UnitKind, int]) -> UnitCounts:
    return UnitCounts({kind: count for kind, count in counts if count > 0})
