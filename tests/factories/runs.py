"""Runs, their attempts and references. A run is queued and stores nothing until told otherwise."""

import datetime
import uuid

from factory.django import DjangoModelFactory

from conversations.models import Reference, Run, RunAttempt
from tests.factories.accounts import AccountFactory
from tests.factories.declarations import factory

A_MOMENT = datetime.datetime(2026, 1, 1, 12, tzinfo=datetime.UTC)


class RunFactory(DjangoModelFactory[Run]):
    class Meta:
        model = Run

    class Params:
        is_completed = factory.Trait(status="completed", attempt=1, finished_at=A_MOMENT)
        is_failed = factory.Trait(status="failed", attempt=1, finished_at=A_MOMENT, error_code="upstream_failed")

    conversation = None
    account = factory.Maybe(
        "conversation",
        yes_declaration=factory.SelfAttribute("conversation.account"),
        no_declaration=factory.SubFactory(AccountFactory),
    )
    trace_id = factory.LazyFunction(uuid.uuid4)
    dialect = "aichat"
    model = "echo"
    context_window = 8_000


class RunAttemptFactory(DjangoModelFactory[RunAttempt]):
    class Meta:
        model = RunAttempt

    run = factory.SubFactory(RunFactory, is_completed=True)
    number = 1
    worker_name = "worker"
    started_at = A_MOMENT
    outcome = "completed"


class ReferenceFactory(DjangoModelFactory[Reference]):
    class Meta:
        model = Reference

    run = factory.SubFactory(RunFactory)
    account = factory.SelfAttribute("run.account")
    position = 0
    kind = "text"
    content = "A fact."
