"""`manage.py serve`: runs the whole service."""

import sys
from typing import Any

from django.core.management.base import BaseCommand

from project.embedded.errors import CannotStart
from project.supervisor import service


class Command(BaseCommand):
    help = "Run Parley: PostgreSQL and Valkey of its own unless URLs are given, web and workers."
    # `make check` runs Django's checks; here they would only delay the start.
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            service.run()
        except CannotStart as exc:
            sys.exit(f"Parley cannot start: {exc}")
