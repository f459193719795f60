"""How long an answer may be by what its payer can afford: told to the vendor, who alone counts what is not streamed.

Hidden thoughts are billed, but nobody sees them come: what is reserved in slices is too late for them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from providers import finish_reasons
from providers.assembly import Assembler
from providers.catalog import Target
from providers.messages import ChatRequest, CompletionRequest, EmbeddingRequest, Request

# In the order in which a request's limit is looked for. The newer name is sent where it has none: it counts thoughts
# too; the protocol knows which vendors have only the older one.
_OF_CHAT = ("max_completion_tokens", "max_tokens")
# A vendor may stop a little before the limit: at the end of a word, or of all choices together.
_REACHED_SHARE = 0.9


def most_tokens(request: Request, target: Target) -> int:
    """Of all answers together, if each is as long as it may be; 0 for vectors."""
    if isinstance(request, EmbeddingRequest):
        return 0
    asked = _asked(request, target)
    longest = target.max_output_tokens or target.context_window
    return answers(request) * (longest if asked is None else min(asked, longest))


def limited(request: Request, target: Target, *, affordable_tokens: int) -> tuple[Request, int | None]:
    """The request with a limit that keeps its answers within what is affordable, and that limit.

    Unchanged, and None, where the request's own limit is as low. A continued text without a limit is not given one:
    it has a low one from its vendor, and nothing of it is hidden.
    """
    limit = max(1, affordable_tokens // answers(request))
    asked = _asked(request, target)
    if asked is not None and asked <= limit:
        return request, None
    match request:
        case ChatRequest():
            named = names({**target.options, **request.options})
            return replace(request, options={**request.options, **dict.fromkeys(named, limit)}), limit
        case CompletionRequest() if asked is not None:
            return replace(request, options={**request.options, "max_tokens": limit}), limit
        case _:
            return request, None


def names(options: Mapping[str, Any]) -> Sequence[str]:
    """Of the options of a chat that say how long an answer may be."""
    return [name for name in _OF_CHAT if _is_number(options.get(name))] or _OF_CHAT[:1]


def is_reached(draft: Assembler, limit: int) -> bool:
    """Whether an answer ended because of our limit, not because of another that its vendor has."""
    if finish_reasons.LENGTH not in {finish_reasons.normal(reason) for reason in draft.finish_reasons}:
        return False
    usage = draft.usage
    return usage is None or usage.completion_tokens >= limit * _REACHED_SHARE


def _asked(request: Request, target: Target) -> int | None:
    """The limit of each answer that the caller, or the name of the model, sets."""
    options = {**target.options, **request.options}
    names = _OF_CHAT if isinstance(request, ChatRequest) else _OF_CHAT[1:]
    return next((options[name] for name in names if _is_number(options.get(name))), None)


def answers(request: Request) -> int:
    """How many the vendor writes; of `best_of` it sends only some."""
    options = request.options
    of_each = max(options[name] if _is_number(options.get(name)) else 1 for name in ("n", "best_of"))
    return max(1, of_each) * (len(request.prompts) if isinstance(request, CompletionRequest) else 1)


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
