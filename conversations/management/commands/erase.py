"""`manage.py erase`: erases everything of a conversation or of an account, and shows how far it is."""

import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from conversations.errors import ParleyError
from conversations.models import Account, Conversation, Erasure
from conversations.services.erasures import begin
from conversations.services.erasures.advance import advance

REQUESTED_BY = "manage.py erase"
# While another process has the next batch, or the erasure has to wait for runs that end.
POLL_SECONDS = 0.5


class Command(BaseCommand):
    help = "Erases everything of a conversation or an account, for good. Killed in the middle, the service goes on."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("subject", choices=Erasure.Subject.values)
        parser.add_argument("id", help="The conversation's id; the account's name or id (acc_…).")
        parser.add_argument("--account", help="The name or id of the conversation's account.")
        parser.add_argument("--yes", action="store_true", help="Do not ask.")

    def handle(self, *, subject: str, id: str, account: str | None, yes: bool, **_options: Any) -> None:  # noqa: A002
        is_account = subject == Erasure.Subject.ACCOUNT
        owner = self._account(id if is_account else account)
        if not yes and input(f"Erase everything of {subject} {id} for good? Type its id: ") != id:
            raise CommandError("Nothing was erased.")
        try:
            erasure = self._erase_account(owner) if is_account else self._delete_conversation(owner, id)
        except ParleyError as exc:
            raise CommandError(exc.message) from exc
        if erasure is not None:
            self._finish(erasure)

    def _account(self, name_or_id: str | None) -> Account:
        """By its id first: an account may be named like the id of another."""
        if name_or_id is None:
            raise CommandError("--account is required for a conversation.")
        for column in ("public_id", "name"):
            if found := Account.objects.filter(**{column: name_or_id}).first():
                return found
        raise CommandError("There is no such account.")

    def _erase_account(self, account: Account) -> Erasure:
        return begin.erase_account(account_id=account.pk, requested_by=REQUESTED_BY)

    def _delete_conversation(self, account: Account, public_id: str) -> Erasure | None:
        conversation = Conversation.objects.for_account(account).filter(public_id=public_id).first()
        if conversation is None:
            raise CommandError("The account has no such conversation.")
        erasure = begin.delete_conversation(conversation_id=conversation.pk, requested_by=REQUESTED_BY)
        if erasure is None:
            of_account = Erasure.objects.for_account(account)
            erasure = of_account.filter(subject="conversation", subject_key=conversation.pk).first()
            self.stdout.write("It was deleted before.")
        return erasure

    def _finish(self, erasure: Erasure) -> None:
        said = ""
        while erasure.finished_at is None:
            if advance(erasure_pk=erasure.pk) is None:
                time.sleep(POLL_SECONDS)
            erasure.refresh_from_db()
            total = "?" if erasure.runs_total is None else erasure.runs_total
            step = erasure.step or "done"
            progress = f"{erasure}: {step}, {erasure.runs_done} of {total} steps {erasure.error}".rstrip()
            if progress != said:
                self.stdout.write(progress)
            said = progress
        counts = ", ".join(f"{count} {table}" for table, count in sorted(erasure.erased.items()))
        left = ", ".join(f"{count} {table}" for table, count in sorted((erasure.left or {}).items()) if count)
        self.stdout.write(f"{erasure} is done. Erased: {counts or 'nothing'}. Left: {left or 'nothing'}.")
