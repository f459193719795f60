"""What is stored of runs and conversations, in the short forms that tests compare."""

from conversations.models import Account, Conversation, Event, Message, Run, RunAttempt
from conversations.queries import answers
from conversations.services.runs import records
from conversations.services.runs.claim import ClaimedRun
from conversations.services.runs.records import PromptInputs
from conversations.workers.runs import history as histories
from conversations.workers.runs.history import HistoryCache


def inputs(claimed: ClaimedRun) -> PromptInputs:
    return records.load_prompt_inputs(
        request=claimed.request_json, messages=claimed.messages_json, parameters=claimed.parameters_json
    )


def history(claimed: ClaimedRun, cache: HistoryCache | None = None) -> list[str]:
    """The texts before the run's own, oldest first, as a process reads them that knows what `cache` holds."""
    read = histories.read(claimed, cache=cache or HistoryCache(), now=0.0)
    return [message.text for message in read.messages]


def conversation(owner: Account, public_id: str = "thread") -> Conversation:
    return Conversation.objects.for_account(owner).get(public_id=public_id)


def thread(owner: Account, public_id: str = "thread") -> list[str]:
    """The texts from the root to the head."""
    found: list[str] = []
    node = conversation(owner, public_id).head
    while node is not None:
        found.insert(0, node.parts[0]["text"])
        node = node.parent
    return found


def messages(run: Run) -> list[tuple[str, str]]:
    return [(row.role, row.parts[0]["text"]) for row in Message.objects.filter(run=run).order_by("pk")]


def answer(run: Run) -> str | None:
    """The text of the answer; None where the run has none."""
    run.refresh_from_db()
    return answers.visible_text(run) if run.answer else None


def state(run: Run) -> tuple[str, int, int, str]:
    """Its status, attempts begun and lost, and error code, as they are now."""
    run.refresh_from_db()
    return run.status, run.progress.attempt, attempts_lost(run), run.error_code


def attempts_lost(run: Run) -> int:
    """Before its last one."""
    if run.is_active:
        return run.active.attempts_lost
    return run.attempts.filter(outcome="lost", number__lt=run.attempt).count()


def last_event(owner: Account) -> Event:
    return Event.objects.for_account(owner).latest("pk")


def moves(run: Run) -> list[tuple[str, str, int | None]]:
    """The targets that failed in the last attempt: name, reason and status."""
    attempt = RunAttempt.objects.filter(run=run).order_by("-number")[0]
    return [(move["target"], move["reason"], move.get("status")) for move in attempt.moves or []]
