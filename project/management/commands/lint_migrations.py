"""`manage.py lint_migrations`: refuses migrations that would stop turns, or break the release before."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from project.migration import lint


class Command(BaseCommand):
    help = "Refuses migrations that would hold up turns or break the release before (project/migration/lint.py)."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        if found := lint.findings():
            raise CommandError("\n".join(["These migrations cannot run beside the service:", *map(str, found)]))
