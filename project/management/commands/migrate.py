"""`manage.py migrate`: Django's, with the patience that a working service needs (project/migration/patience.py)."""

from typing import Any

from django.core.management.base import CommandError
from django.core.management.commands import migrate
from django.db import connections

from project.migration import patience
from project.migration.errors import CannotMigrate


class Command(migrate.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        if options["plan"] or options["check_unapplied"]:
            super().handle(*args, **options)
            return
        try:
            patience.migrate(
                connections[options["database"]],
                lambda: super(Command, self).handle(*args, **options),
                report=self.stdout.write,
                # Who names a migration says how far he wants to go, forwards or back.
                is_checked=not options["migration_name"],
            )
        except CannotMigrate as exc:
            raise CommandError(str(exc)) from exc
