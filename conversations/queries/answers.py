"""What ended runs have answered.

The words of an answer are in the messages that it became (ADR 38). The run's row has them where there are no such
messages: of a turn that is not stored or has failed, of a choice without words, and in rows of version 1.
"""

from collections.abc import Collection, Mapping
from typing import Any

from conversations.models import Message, Run
from providers import serialization
from providers.messages import RefusalPart, Role, TextPart

Choice = Mapping[str, Any]


def load(runs: Collection[Run]) -> None:
    """Reads the messages for all the runs at once, before `choices` would do so for each.

    One query, or none where the rows have everything.
    """
    lacking = {run.pk: run for run in runs if run.answer_messages is None and not all(map(_is_whole, _stored(run)))}
    if not lacking:
        return
    found: dict[int, dict[int, Message]] = {pk: {} for pk in lacking}
    accounts = {run.account_id for run in lacking.values()}
    # All of a conversation or nothing: while it is erased, some of its messages may be gone.
    messages = Message.objects.filter(
        run__in=lacking, account__in=accounts, role=Role.ASSISTANT.value, conversation__deleted_at=None
    )
    for message in messages.only("run_id", "choice", "parts", "provider_metadata").order_by("pk"):
        # A question may hold messages of an assistant, too. The answer's came last.
        found[message.run_id][message.choice] = message
    for pk, run in lacking.items():
        run.answer_messages = found[pk]


def choices(run: Run) -> list[Choice]:
    """The choices with their parts, as `relay.replay` takes them; none where the conversation was deleted."""
    load([run])
    return [whole for choice in _stored(run) if (whole := _with_words(choice, run.answer_messages or {}))]


def visible_text(run: Run) -> str:
    """The words of the first choice, including those of a refusal."""
    first = next((choice for choice in choices(run) if choice["index"] == 0), None)
    parts = serialization.load_parts(first["parts"]) if first else ()
    return "".join(part.text for part in parts if isinstance(part, TextPart | RefusalPart))


def _stored(run: Run) -> list[Choice]:
    stored: list[Choice] = (run.answer or {}).get("choices", [])
    return stored


def _is_whole(choice: Choice) -> bool:
    return "parts" in choice


def _with_words(choice: Choice, messages: Mapping[int, Message]) -> Choice | None:
    if _is_whole(choice):
        return choice
    message = messages.get(choice["index"])
    if message is None:
        return None
    return {**choice, "parts": message.parts, "provider_metadata": message.provider_metadata}
