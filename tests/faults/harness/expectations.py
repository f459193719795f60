"""What becomes of a turn, as values that a test compares, and the values that are expected."""

from collections.abc import Sequence
from dataclasses import dataclass

from tests.faults.harness.points import BEFORE, Turn

INTERRUPTED = "The answer was interrupted; ask again."
# The messages of a conversation before the turn, and the question that is asked after it, with its answer.
THREAD = [("user", BEFORE[0]), ("assistant", BEFORE[1])]
NEXT = ("And now?", "Goes on.")


@dataclass(frozen=True)
class Received:
    """What a caller or a reader received. `error` is None after a complete answer.

    Otherwise it is code and message, after the status where the whole response is an error.
    """

    text: str
    error: tuple[object, ...] | None = None


@dataclass(frozen=True, kw_only=True)
class Result:
    """Everything that is seen of a turn from outside. `None` stands for a response that was cut off."""

    status: str
    # How often the vendor was asked.
    calls: int
    # The outcome of each attempt by its number; and how many the run's row counts as begun and as lost before the last.
    attempts: dict[int, str]
    counted: tuple[int, int]
    # What the caller received, and every reader of the run's stream.
    caller: Received | None
    readers: list[Received | None]
    # Whether a reader that came back at a position received the rest of what the others received.
    is_rest_equal: bool = True
    # Whether the positions in the log of the last attempt are 1, 2, 3, …
    is_log_complete: bool = True
    # Roles and texts: of the run's messages, of the conversation's path, and of the vendor's next call in it.
    messages: list[tuple[str, str]]
    path: list[tuple[str, str]]
    next_prompt: list[tuple[str, str]]


def completed(turn: Turn, *, text: str, attempts: Sequence[str], calls: int) -> Result:
    """Everybody received `text`, which is stored once."""
    thread = [("user", turn.question), ("assistant", text)]
    received = Received(text)
    return _result(
        turn, "completed", attempts, calls=calls, caller=received, reader=received, messages=thread, on_path=thread
    )


def failed(turn: Turn, *, shown: str, attempts: Sequence[str], calls: int, message: str = INTERRUPTED) -> Result:
    """Streams received `shown` and then the error, or only the error; the question is stored beside the thread."""
    refusal = Received("", (500, "api_error", message))
    streamed = Received(shown, ("api_error", message)) if shown else refusal
    return _result(
        turn,
        "failed",
        attempts,
        calls=calls,
        caller=streamed if turn.way.is_stream else refusal,
        reader=streamed,
        messages=[("user", turn.question)],
        on_path=[],
    )


def _result(
    turn: Turn,
    status: str,
    attempts: Sequence[str],
    *,
    calls: int,
    caller: Received,
    reader: Received,
    messages: list[tuple[str, str]],
    on_path: list[tuple[str, str]],
) -> Result:
    is_stored = turn.way.is_stored
    path = [*THREAD, *on_path] if is_stored else []
    return Result(
        status=status,
        calls=calls,
        attempts=dict(enumerate(attempts, 1)),
        # The loss of the last attempt is not counted when it ends the run.
        counted=(len(attempts), list(attempts[:-1]).count("lost")),
        caller=caller,
        # Who attached before the fault, and who reads the run afterwards.
        readers=[reader] * (bool(turn.late) + is_stored),
        messages=messages if is_stored else [],
        path=path,
        next_prompt=[*path, ("user", NEXT[0])] if is_stored else [],
    )
