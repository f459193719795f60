"""One turn: its run with everything that belongs to it. Stored ones move their conversation on."""

from datetime import datetime
from random import Random

from conversations.models import IdempotencyKey, Message, Reference, Run, RunAttempt, Task
from conversations.services.sample_data import money, proportions, runs, texts, webhooks
from conversations.services.sample_data.context import contents, people, tools
from conversations.services.sample_data.copying import timed
from conversations.services.sample_data.owners import Owner
from conversations.services.sample_data.runs import NewRun
from conversations.services.sample_data.texts import AnswerText, Text
from conversations.services.sample_data.threads import Thread
from conversations.services.sample_data.wave import Wave
from conversations.values.context.sources import ContextAsked
from conversations.values.requests import Operation, ReferenceGiven, ReferenceKind, RunRequest
from providers.messages import Usage

REFERENCE_SEPARATOR = "\n\n"
UNSTORED_MODELS = {
    Operation.CHAT: "gpt-4o-mini",
    Operation.COMPLETION: "gpt-3.5-turbo-instruct",
    Operation.EMBEDDING: "text-embedding-3-small",
}


def add_stored(wave: Wave, thread: Thread, at: datetime) -> None:
    source, random = wave.source, wave.source.random
    question, references = _question(wave)
    answer = random.choice(source.texts.answers)
    end = proportions.end(random)
    run = _run(wave, thread, at, question=question, answer=answer, references=references, end=end)
    is_new, thread.latest_run_id = thread.is_new, run.pk
    _add_run(wave, run, owner=thread.owner)
    people.add_run(wave, thread, run)
    wave.rows[Reference] += [_reference(run, position, given) for position, given in enumerate(references)]
    _add_messages(wave, thread, run, question, answer)
    if end.has_answer and run.request.context:
        tools.add_steps(wave, run, thread.owner.tools)
    if source.context_random.random() < proportions.CONTENT_SHARE:
        contents.add(wave, thread, run)
    if run.callback_url:
        webhooks.add_callback(wave, run, thread=thread)
    if thread.owner.endpoints:
        webhooks.add_events(wave, thread, run, is_new=is_new)


def _question(wave: Wave) -> tuple[Text, tuple[ReferenceGiven, ...]]:
    random, known = wave.source.random, wave.source.texts
    question = random.choice(known.questions)
    if random.random() >= proportions.REFERENCE_SHARE:
        return question, ()
    material = random.choice(known.answers).text
    given = ReferenceGiven(ReferenceKind.TEXT, material)
    return texts.question(question.text, REFERENCE_SEPARATOR + material), (given,)


def _run(
    wave: Wave,
    thread: Thread,
    at: datetime,
    *,
    question: Text,
    answer: AnswerText,
    references: tuple[ReferenceGiven, ...],
    end: proportions.End,
) -> NewRun:
    random = wave.source.random
    public_id, trace_id = runs.new_ids(at, random)
    run = NewRun(
        pk=next(wave.source.ids[Run]),
        public_id=public_id,
        trace_id=trace_id,
        account_id=thread.owner.pk,
        api_key_id=thread.owner.api_key_id,
        conversation_id=thread.pk,
        preset=thread.preset,
        request=RunRequest(
            dialect=thread.dialect,
            model=thread.model,
            messages=(question.message,),
            conversation_id=thread.public_id,
            is_stored=True,
            references=references,
            context=_asked_tools(thread.owner, wave.source.context_random),
        ),
        times=runs.times(at, seconds=thread.seconds, random=random),
        end=end,
        answer_record=answer.stored_record if end.has_answer else None,
        usage=Usage(thread.history_tokens + question.tokens, answer.tokens) if end.has_answer else None,
        is_retried=random.random() < proportions.RETRIED_SHARE,
    )
    first_task_id = thread.public_id if thread.is_new else ""
    runs.add_references(run, random=random, now=wave.source.now, first_task_id=first_task_id)
    return run


def _asked_tools(owner: Owner, random: Random) -> ContextAsked | None:
    if random.random() >= proportions.TOOL_SHARE:
        return None
    return ContextAsked(tools=tuple(tool_id for tool_id, _ in owner.tools))


def _add_messages(wave: Wave, thread: Thread, run: NewRun, question: Text, answer: AnswerText) -> None:
    """A turn without text leaves the thread as it was: its question stays beside it."""
    ids, random = wave.source.ids[Message], wave.source.random
    asked_id, said_id = next(ids), next(ids)
    asked = {
        "id": asked_id,
        "account_id": run.account_id,
        "conversation_id": run.conversation_id,
        "run_id": run.pk,
        "public_id": timed("msg", run.times.created_at, random),
        "parent_id": thread.parent(random),
        "role": "user",
        "parts": question.parts,
        "tokens": question.tokens,
        "digest": question.digest,
        "created_at": run.times.created_at,
    }
    wave.rows[Message].append(asked)
    if not run.end.has_answer:
        return
    said = {
        "id": said_id,
        "public_id": timed("msg", run.times.finished_at, random),
        "parent_id": asked_id,
        "role": "assistant",
        "parts": answer.parts,
        "tokens": answer.tokens,
        "digest": answer.digest,
        "created_at": run.times.finished_at,
    }
    wave.rows[Message].append(asked | said)
    thread.move(head_id=said_id, tokens=question.tokens + answer.tokens, at=run.times.finished_at)


def _reference(run: NewRun, position: int, given: ReferenceGiven) -> dict[str, object]:
    return {
        "account_id": run.account_id,
        "run_id": run.pk,
        "position": position,
        "kind": given.kind.value,
        "content": given.content,
        "created_at": run.times.created_at,
    }


def add_unstored(wave: Wave, owner: Owner, at: datetime) -> None:
    """A run without a conversation: a chat that nobody keeps, a completion or an embedding."""
    source, random = wave.source, wave.source.random
    question, answer = random.choice(source.texts.questions), random.choice(source.texts.answers)
    end, operation = proportions.end(random), random.choice((Operation.CHAT, Operation.COMPLETION, Operation.EMBEDDING))
    public_id, trace_id = runs.new_ids(at, random)
    run = NewRun(
        pk=next(source.ids[Run]),
        public_id=public_id,
        trace_id=trace_id,
        account_id=owner.pk,
        api_key_id=owner.api_key_id,
        conversation_id=None,
        preset=None,
        request=_unstored_request(operation, question),
        times=runs.times(at, seconds=runs.ANSWER_SECONDS_MAX, random=random),
        end=end,
        answer_record=source.texts.vector if operation is Operation.EMBEDDING else answer.record,
        usage=Usage(question.tokens, 0 if operation is Operation.EMBEDDING else answer.tokens),
        is_retried=False,
    )
    if not end.has_answer:
        run.answer_record = run.usage = None
    runs.add_references(run, random=random, now=source.now, first_task_id="")
    _add_run(wave, run, owner=owner)
    if run.callback_url:
        webhooks.add_callback(wave, run, thread=None)
    if owner.endpoints:
        webhooks.add_unstored_event(wave, owner, run)


def _unstored_request(operation: Operation, question: Text) -> RunRequest:
    is_chat = operation is Operation.CHAT
    return RunRequest(
        dialect="openai",
        model=UNSTORED_MODELS[operation],
        messages=(question.message,) if is_chat else (),
        conversation_id="",
        is_stored=False,
        operation=operation,
        prompt=None if is_chat else (question.text,),
        reply={"encoding_format": "float"} if operation is Operation.EMBEDDING else {},
    )


def _add_run(wave: Wave, run: NewRun, *, owner: Owner) -> None:
    rows, random = wave.rows, wave.source.random
    rows[Run].append(runs.row(run))
    rows[RunAttempt] += runs.attempts(run, random)
    if run.task_id:
        rows[Task].append(runs.task(run))
    if run.key:
        rows[IdempotencyKey].append(runs.idempotency_key(run, random))
    if owner.is_metered:
        money.add(wave, run)
