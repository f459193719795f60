"""`manage.py migrate_online`: brings the tables to this release while the release before serves on."""

from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection
from django.db.migrations.migration import Migration

from project.migration import earlier_release, lint, patience
from project.postgresql import schema

# With half a second for the lock before it, turns wait for less than two seconds.
STATEMENT_SECONDS = 1.2


class Command(BaseCommand):
    help = "Migrates the database beside a running service: no turn waits longer than two seconds."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--plan", action="store_true", help="say what would be done, and do nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        migrations = patience.pending(connection)
        if not migrations:
            self.stdout.write("The tables are those of this release: there is nothing to do.")
            return
        self._say(migrations)
        if options["plan"]:
            return
        stopping = next((migration for migration in migrations if earlier_release.reason(migration)), None)
        if stopping:
            raise CommandError(
                f"{stopping.name} does not run beside a service: {earlier_release.reason(stopping)}. "
                "Stop it on every host and start the new release, which migrates when it starts."
            )
        with schema.statement_limit(STATEMENT_SECONDS):
            call_command("migrate", interactive=False, verbosity=1, stdout=self.stdout._out)

    def _say(self, migrations: list[Migration]) -> None:
        unsafe = {finding.migration for finding in lint.findings()}
        for migration in migrations:
            self.stdout.write(f"{migration.app_label}.{migration.name}: {_verdict(migration, unsafe)}")
            for operation in migration.operations:
                self.stdout.write(f"    {operation.describe()}")


def _verdict(migration: Migration, unsafe: set[str]) -> str:
    if reason := earlier_release.reason(migration):
        return f"needs the service stopped ({reason})"
    if migration.app_label == lint.APP and migration.name in unsafe:
        return "may hold up turns"
    accepted = getattr(migration, "accepted", {})
    return "; ".join(["runs beside turns", *(f"{subject}: {why}" for subject, why in accepted.items())])
