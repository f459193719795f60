"""The built-in vendor echo needs no network and no key. It answers with what it received, so that a first curl works.

The first line of a question may make the answer slow or long: `/echo delay=0.05 length=200`
(`delay`: seconds between chunks, up to 10; `length`: characters of the answer, up to 100,000).
It also continues prompts, by repeating them, and makes vectors (`feature_hashing.py`).

It costs nothing and anybody with a key may use it, so everything in one call has a limit.
"""

import re
import threading
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from math import ceil

from providers import vectors
from providers.calls.base import Call
from providers.echo import feature_hashing
from providers.errors import CallAborted, UpstreamRejected
from providers.events import CallStarted, ChoiceFinished, EmbeddingMade, StreamEvent, TextDelta, UsageReported
from providers.messages import BareText, ChatRequest, CompletionRequest, EmbeddingRequest, Request, Role, Usage
from providers.tokens import estimate_bare, estimate_messages, estimate_text

MAX_DELAY_SECONDS = 10.0
MAX_LENGTH = 100_000
# Of all answers of a call together. Each may use an equal share; what is longer is cut.
CALL_MAX_CHARACTERS = 1_000_000
CHUNK_CHARACTERS = 12
MAX_CHUNKS = 400
CALL_MAX_CHUNKS = 4_000
DIMENSIONS = 256
MAX_DIMENSIONS = 4096
# Of all inputs of a call together: characters or tokens read, and numbers made.
CALL_MAX_READ = 300_000
CALL_MAX_NUMBERS = 1_000_000

_DIRECTIVE = re.compile(r"/echo(?P<words>(?: +(?:delay|length)=[0-9.]+)*) *(?:\n|$)")
_WORD = re.compile(r"(delay|length)=([0-9.]+)")


@dataclass(frozen=True, slots=True)
class Directive:
    """How the question is to be answered, and the question without its first line."""

    question: str
    delay_seconds: float = 0.0
    length: int | None = None


def read_directive(text: str) -> Directive:
    """Anything that is not exactly the documented first line is part of the question."""
    match = _DIRECTIVE.match(text)
    if match is None:
        return Directive(text)
    words = {name: _number(value) for name, value in _WORD.findall(match["words"])}
    length = int(min(words["length"], MAX_LENGTH)) if "length" in words else None
    return Directive(text[match.end() :], min(words.get("delay", 0.0), MAX_DELAY_SECONDS), length)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def answers_to(request: ChatRequest | CompletionRequest) -> list[tuple[str, Directive]]:
    """The text of every choice that is asked for, and how to send it."""
    if isinstance(request, ChatRequest):
        texts = [_answer(request)]
    else:
        texts = [_continued(prompt, request) for prompt in request.prompts]
    wanted = request.options.get("n") or 1
    share = CALL_MAX_CHARACTERS // max(1, len(texts) * wanted)
    return [answer for text, directive in texts for answer in [(text[:share], directive)] * wanted]


def _answer(request: ChatRequest) -> tuple[str, Directive]:
    last = next((message.text for message in reversed(request.messages) if message.role is Role.USER), "")
    directive = read_directive(last)
    count = len(request.messages)
    text = f"[echo] Received {count} message{'' if count == 1 else 's'}. The last question: {directive.question}"
    return _in_length(text, directive.length), directive


def _continued(prompt: BareText, request: CompletionRequest) -> tuple[str, Directive]:
    directive = read_directive(prompt if isinstance(prompt, str) else f"{len(prompt)} tokens")
    text = _in_length(f"[echo] {directive.question}", directive.length)
    return (directive.question + text if request.options.get("echo") else text), directive


def _in_length(text: str, length: int | None) -> str:
    """Repeated or cut to `length`."""
    return text if length is None else (text * ceil(length / len(text)))[:length]


class EchoCall(Call):
    """A call that is answered within the process."""

    def __init__(self, request: Request) -> None:
        super().__init__()
        self._request = request
        self._aborted = threading.Event()

    def abort(self) -> None:
        self._aborted.set()

    def _run(self) -> Generator[StreamEvent]:
        request = self._request
        self._pause(0)
        yield CallStarted(model="echo")
        if isinstance(request, EmbeddingRequest):
            yield from self._embed(request)
        else:
            yield from self._write(request)

    def _write(self, request: ChatRequest | CompletionRequest) -> Iterator[StreamEvent]:
        answers = answers_to(request)
        most = max(1, min(MAX_CHUNKS, CALL_MAX_CHUNKS // max(1, len(answers))))
        for choice, (text, directive) in enumerate(answers):
            for chunk in _chunks(text, most=most):
                self._pause(directive.delay_seconds)
                yield TextDelta(chunk, choice)
            yield ChoiceFinished("stop", choice)
        yield _usage(request, sum(estimate_text(text) for text, _ in answers))

    def _embed(self, request: EmbeddingRequest) -> Iterator[StreamEvent]:
        dimensions = min(request.options.get("dimensions") or DIMENSIONS, MAX_DIMENSIONS)
        _check_size(request, dimensions)
        for choice, text in enumerate(request.inputs):
            self._pause(0)
            yield EmbeddingMade(vectors.pack(feature_hashing.vector(text, dimensions=dimensions)), choice)
        yield _usage(request, 0)

    def _pause(self, seconds: float) -> None:
        if self._aborted.wait(seconds) if seconds else self._aborted.is_set():
            raise CallAborted("The call was aborted.")


def _check_size(request: EmbeddingRequest, dimensions: int) -> None:
    """Raises UpstreamRejected instead of cutting: the vector of half a text would be wrong, and nobody would know."""
    if sum(map(len, request.inputs)) > CALL_MAX_READ:
        raise UpstreamRejected(f"echo reads at most {CALL_MAX_READ} characters or tokens in one call.", status=400)
    if len(request.inputs) * dimensions > CALL_MAX_NUMBERS:
        raise UpstreamRejected(f"echo makes at most {CALL_MAX_NUMBERS} numbers in one call.", status=400)


def _chunks(text: str, *, most: int) -> Iterator[str]:
    size = max(CHUNK_CHARACTERS, ceil(len(text) / most))
    return (text[start : start + size] for start in range(0, len(text), size))


def _usage(request: Request, completion_tokens: int) -> UsageReported:
    match request:
        case ChatRequest(messages=messages):
            prompt_tokens = estimate_messages(messages)
        case CompletionRequest(prompts=prompts) | EmbeddingRequest(inputs=prompts):
            prompt_tokens = estimate_bare(prompts)
    return UsageReported(Usage(prompt_tokens, completion_tokens, source="estimated"))
