"""What the database knows of a run's end, for readers whom Redis could not tell."""

from dataclasses import dataclass

from conversations.models import Run
from conversations.models.runs import TERMINAL
from conversations.turns import RunEnded, RunStatus
from providers import serialization
from providers.messages import TextPart


@dataclass(frozen=True, slots=True)
class EndedRun:
    """`text` is that of choice 0."""

    attempt: int
    text: str
    ended: RunEnded


def ended_run(*, run_id: int) -> EndedRun | None:
    """None while the run is not over."""
    run = (
        Run.objects.filter(pk=run_id, status__in=TERMINAL)
        .only("attempt", "status", "answer", "usage", "error_code", "error_message")
        .first()
    )
    if run is None:
        return None
    choices = run.answer["choices"] if run.answer else []
    parts = serialization.load_parts(choices[0]["parts"]) if choices else ()
    return EndedRun(
        attempt=run.attempt,
        text="".join(part.text for part in parts if isinstance(part, TextPart)),
        ended=RunEnded(
            status=RunStatus(run.status),
            finish_reasons=tuple(choice["finish_reason"] or "" for choice in choices),
            usage=serialization.load_usage(run.usage) if run.usage else None,
            error_code=run.error_code,
            error_message=run.error_message,
        ),
    )
