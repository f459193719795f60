"""The conversations of one wave, while their turns are made."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any

from conversations.models import AssistantVersion, Visitor
from conversations.services.sample_data import proportions
from conversations.services.sample_data.copying import uuid4
from conversations.services.sample_data.owners import Owner

DIALECTS = ("aichat", "openai")
MODELS = ("gpt-4o-mini", "gpt-4o-mini", "gpt-4o-mini", "gpt-4o", "deepseek-chat")
PRESET_SHARE = 0.2
# The answers that a later turn may follow instead of the head.
KNOWN_ANSWERS = 4
# Turns of a conversation are no further apart than this.
PAUSE_SECONDS = 600.0


@dataclass(slots=True)
class Thread:
    """`head_id` and `answers` move on with every turn that has text. `seconds`: from one turn to the next."""

    pk: int
    owner: Owner
    public_id: str
    dialect: str
    model: str
    preset: tuple[int | None, str] | None
    begin: datetime
    turns: int
    seconds: float
    head_id: int | None = None
    answers: list[int] = field(default_factory=list)
    history_tokens: int = 0
    latest_run_id: int | None = None
    events: int = 0
    updated_at: datetime | None = None
    assistant: AssistantVersion | None = None
    visitor: Visitor | None = None

    @property
    def is_new(self) -> bool:
        return self.latest_run_id is None

    def parent(self, random: Random) -> int | None:
        """The message that the next turn follows: the head, or now and then an earlier answer."""
        if len(self.answers) > 1 and random.random() < proportions.BRANCH_SHARE:
            return random.choice(self.answers[:-1])
        return self.head_id

    def move(self, *, head_id: int, tokens: int, at: datetime) -> None:
        self.head_id, self.updated_at = head_id, at
        self.answers = [*self.answers[1 - KNOWN_ANSWERS :], head_id]
        self.history_tokens += tokens


def thread(*, pk: int, owner: Owner, random: Random, begin: datetime, span: timedelta, turns: int) -> Thread:
    """A conversation that begins and ends within `span` after `begin`."""
    seconds = span.total_seconds()
    apart = min(PAUSE_SECONDS, seconds / turns)
    first = random.random() * (seconds - apart * turns)
    return Thread(
        pk=pk,
        owner=owner,
        public_id=str(uuid4(random)),
        dialect=random.choice(DIALECTS),
        model=random.choice(MODELS),
        preset=random.choice(owner.presets) if owner.presets and random.random() < PRESET_SHARE else None,
        begin=begin + timedelta(seconds=first),
        turns=turns,
        seconds=apart,
    )


def moments(thread: Thread, random: Random) -> list[datetime]:
    """When each turn is asked. It is answered within half of the time to the next one."""
    return [
        thread.begin + timedelta(seconds=(index + random.random() * 0.4) * thread.seconds)
        for index in range(thread.turns)
    ]


def row(thread: Thread) -> dict[str, Any]:
    """The row of a conversation whose turns have all ended."""
    has_text = thread.updated_at is not None
    preset_id, preset_text = thread.preset or (None, "")
    return {
        "id": thread.pk,
        "account_id": thread.owner.pk,
        "public_id": thread.public_id,
        "model": thread.model if has_text else "",
        "preset_id": preset_id if has_text else None,
        "preset_text": preset_text if has_text else "",
        "head_id": thread.head_id,
        "latest_run_id": thread.latest_run_id,
        "event_sequence": thread.events,
        "created_at": thread.begin,
        "updated_at": thread.updated_at or thread.begin,
    }
