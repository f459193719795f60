"""Dialogue: a conversation of a visitor, with an assistant, or both. And the runs that are of either.

A conversation or run of neither has no such row: turns of the other families pay nothing for them.
"""

from django.db import models

from conversations.models.accounts.accounts import Account
from conversations.models.assistants.assistants import Assistant
from conversations.models.conversations.conversations import Conversation
from conversations.models.rows import AccountRows
from conversations.models.runs.runs import Run
from conversations.models.visitors.visitors import Visitor


class Dialogue(models.Model):
    """`is_thread`: it is the memory of this visitor with this assistant. `is_open`: its end is not reported yet.

    `look_at` is when it is to be looked at again whether it is over: it is not moved with each turn.
    """

    conversation = models.OneToOneField(
        Conversation, on_delete=models.CASCADE, related_name="dialogue", primary_key=True, db_constraint=False
    )
    # The composite keys stand for all four: migration 0049.
    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    assistant = models.ForeignKey(
        Assistant, null=True, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    visitor = models.ForeignKey(
        Visitor, null=True, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    is_thread = models.BooleanField(db_default=False)
    is_open = models.BooleanField(db_default=False)
    look_at = models.DateTimeField(null=True)

    objects = AccountRows.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["visitor", "assistant", "account"],
                condition=models.Q(is_thread=True),
                name="visitor_has_one_thread_with_an_assistant",
            ),
            models.CheckConstraint(
                condition=models.Q(assistant__isnull=False) | models.Q(visitor__isnull=False),
                name="dialogue_has_somebody",
            ),
            models.CheckConstraint(
                condition=models.Q(is_thread=False) | models.Q(assistant__isnull=False, visitor__isnull=False),
                name="thread_has_a_visitor_and_an_assistant",
            ),
            models.CheckConstraint(
                condition=models.Q(is_open=False) | models.Q(look_at__isnull=False), name="open_dialogue_is_looked_at"
            ),
        )
        indexes = (
            # A visitor's conversations, newest first; also the database, when a visitor is deleted.
            models.Index(
                fields=["visitor", "-conversation"],
                name="dialogue_of_visitor",
                condition=models.Q(visitor__isnull=False),
            ),
            # An assistant's, newest first.
            models.Index(
                fields=["assistant", "-conversation"],
                name="dialogue_of_assistant",
                condition=models.Q(assistant__isnull=False),
            ),
            # The sweep: which of each account may be over?
            models.Index(
                fields=["account", "look_at"], name="dialogue_open_by_account", condition=models.Q(is_open=True)
            ),
        )

    def __str__(self) -> str:
        return f"dialogue {self.pk}"


class AssistedRun(models.Model):
    """Which assistant, in which version, and which visitor a run is of. Written with the run, deleted with it."""

    run = models.OneToOneField(
        Run, on_delete=models.CASCADE, related_name="assisted", primary_key=True, db_constraint=False
    )
    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    assistant = models.ForeignKey(
        Assistant, null=True, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    assistant_version = models.PositiveIntegerField(null=True)
    visitor = models.ForeignKey(
        Visitor, null=True, on_delete=models.SET_NULL, related_name="+", db_constraint=False, db_index=False
    )

    objects = AccountRows.as_manager()

    class Meta:
        indexes = (
            # What an assistant's runs cost, newest first.
            models.Index(
                fields=["assistant", "-run"],
                name="assisted_run_of_assistant",
                condition=models.Q(assistant__isnull=False),
            ),
            # A visitor's runs, newest first; also the database, when a visitor is deleted.
            models.Index(
                fields=["visitor", "-run"],
                name="assisted_run_of_visitor",
                condition=models.Q(visitor__isnull=False),
            ),
        )

    def __str__(self) -> str:
        return f"assisted run {self.pk}"
