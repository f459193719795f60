"""Assistants, intents and visitors of accounts, and conversations of both. No account has a default assistant."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from random import Random
from typing import Any

from django.db.models import F

from conversations.models import (
    Assistant,
    AssistantVersion,
    AssistedRun,
    Dialogue,
    Intent,
    Visitor,
    VisitorIdentity,
)
from conversations.services.sample_data import proportions
from conversations.services.sample_data.copying import copy_rows, ids_of, timed
from conversations.services.sample_data.owners import Owner
from conversations.services.sample_data.runs import NewRun
from conversations.services.sample_data.texts import dumps
from conversations.services.sample_data.threads import Thread
from conversations.services.sample_data.wave import Wave
from conversations.values.assistants import AssistantKind

# Name, prompt and greeting.
ASSISTANTS = (
    ("Service desk", "You help customers of a shop. Be brief and exact.", "Hello! What can I do for you?"),
    ("客服助手", "你是网店的客服助手，回答要简短、准确。", "您好！请问有什么可以帮您？"),
)
# Name, what it means, and examples.
INTENTS = (
    ("refund", "Wants money back.", ("I want my money back.", "The parcel was empty, please refund me.")),
    ("人工客服", "想和人工客服说话。", ("我要找人工客服", "请转人工")),
    ("delivery", "Asks where a parcel is.", ("Where is my parcel?", "我的快递到哪儿了？")),
)
NAMES = (
    *("Ann Miller", "Ben Carter", "Clara Jones", "David Smith", "Emma Brown", "Frank Moore", "Grace Hill"),
    *("王芳", "李伟", "张敏", "刘洋", "陈静", "杨帆", "赵磊"),
)
PLANS = ("free", "team", "company")


def make(owners: Sequence[Owner], *, random: Random, begin: datetime) -> None:
    """For those that have none, of each kind."""
    ids = ids_of(Assistant), ids_of(Visitor)
    for owner in owners:
        assistants = Assistant.objects.for_account(owner.pk).filter(deleted_at=None)
        if not assistants.exists():
            _add_assistants(owner, ids[0], random=random, begin=begin)
        if not Intent.objects.for_account(owner.pk).exists():
            copy_rows(Intent, [_intent(owner, about, random=random, begin=begin) for about in INTENTS])
        visitors = Visitor.objects.for_account(owner.pk).filter(deleted_at=None)
        if not visitors.exists():
            _add_visitors(owner, ids[1], random=random, begin=begin)
        newest = AssistantVersion.objects.filter(assistant__in=assistants, number=F("assistant__version"))
        owner.assistants = list(newest.select_related("assistant").order_by("assistant")[: len(ASSISTANTS)])
        owner.visitors = list(visitors.order_by("pk")[: len(NAMES)])


def _add_assistants(owner: Owner, ids: Iterator[int], *, random: Random, begin: datetime) -> None:
    keys = [next(ids) for _ in ASSISTANTS]
    rows = [{"id": pk, "public_id": timed("asst", begin, random), **_own(owner, begin)} for pk in keys]
    copy_rows(Assistant, rows)
    copy_rows(AssistantVersion, [_version(owner, pk, about, begin) for pk, about in zip(keys, ASSISTANTS, strict=True)])


def _version(owner: Owner, assistant_id: int, about: tuple[str, str, str], begin: datetime) -> dict[str, Any]:
    name, prompt, greeting = about
    lists = dict.fromkeys(("knowledge", "tools", "intents"), "[]")
    return {
        **_own(owner, begin),
        **lists,
        "assistant_id": assistant_id,
        "number": 1,
        "name": name,
        "kind": AssistantKind.DIALOGUE.value,
        "prompt": prompt,
        "options": dumps({"temperature": 0.2}),
        "greeting": greeting,
    }


def _intent(
    owner: Owner, about: tuple[str, str, tuple[str, ...]], *, random: Random, begin: datetime
) -> dict[str, Any]:
    name, description, examples = about
    own = {**_own(owner, begin), "changed_at": begin, "public_id": timed("intent", begin, random)}
    return {**own, "name": name, "description": description, "examples": dumps(examples)}


def _add_visitors(owner: Owner, ids: Iterator[int], *, random: Random, begin: datetime) -> None:
    rows = [_visitor(owner, next(ids), name, random=random, begin=begin) for name in NAMES]
    copy_rows(Visitor, rows)
    copy_rows(VisitorIdentity, [_identity(row, number) for number, row in enumerate(rows, start=1)])


def _visitor(owner: Owner, pk: int, name: str, *, random: Random, begin: datetime) -> dict[str, Any]:
    return {
        **_own(owner, begin),
        "id": pk,
        "public_id": timed("vis", begin, random),
        "name": name,
        "email": f"visitor-{pk}@example.com",
        "mobile": f"138{random.randrange(10**8):08}",
        "attributes": dumps({"plan": random.choice(PLANS)}),
        "changed_at": begin,
    }


def _identity(visitor: dict[str, Any], number: int) -> dict[str, Any]:
    of_visitor = {"account_id": visitor["account_id"], "visitor_id": visitor["id"]}
    return {**of_visitor, "external_id": f"customer-{number:03}"}


def _own(owner: Owner, begin: datetime) -> dict[str, Any]:
    return {"account_id": owner.pk, "created_at": begin}


def choose(wave: Wave, thread: Thread) -> None:
    """Some new conversations are of a visitor with an assistant."""
    random, owner = wave.source.context_random, thread.owner
    if random.random() >= proportions.VISITOR_SHARE:
        return
    thread.assistant, thread.visitor = random.choice(owner.assistants), random.choice(owner.visitors)
    thread.preset = (None, thread.assistant.prompt)
    dialogue = {
        "conversation_id": thread.pk,
        "account_id": owner.pk,
        "assistant_id": thread.assistant.assistant_id,
        "visitor_id": thread.visitor.pk,
    }
    wave.rows[Dialogue].append(dialogue)


def assisted(thread: Thread, run: NewRun) -> AssistedRun | None:
    """Whose run it is, if it is of a visitor."""
    if thread.assistant is None:
        return None
    return AssistedRun(
        run_id=run.pk,
        account_id=run.account_id,
        assistant=thread.assistant.assistant,
        assistant_version=thread.assistant.number,
        visitor=thread.visitor,
    )


def add_run(wave: Wave, thread: Thread, run: NewRun) -> None:
    visitor, at = thread.visitor, run.times.created_at
    whose = assisted(thread, run)
    if whose is None or visitor is None:
        return
    wave.rows[AssistedRun].append({field.attname: getattr(whose, field.attname) for field in whose._meta.fields})
    visitor.first_seen_at = visitor.first_seen_at or at
    visitor.last_seen_at = max(visitor.last_seen_at or at, at)
    # Of this moment: the next wave is made while this one is written.
    wave.seen[visitor.pk] = (visitor.first_seen_at, visitor.last_seen_at)


def mark_seen(wave: Wave) -> None:
    """When the visitors of the wave asked first and last."""
    seen = [Visitor(pk=pk, first_seen_at=first, last_seen_at=last) for pk, (first, last) in sorted(wave.seen.items())]
    Visitor.objects.bulk_update(seen, ["first_seen_at", "last_seen_at"])
