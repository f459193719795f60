"""`manage.py write_schema`: writes the OpenAPI document from the routes."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from conversations.views.schema.document import PATH


class Command(BaseCommand):
    help = "Writes the OpenAPI document that /api/schema serves (needs the development packages)."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true", help="write nothing; fail when it would change")

    def handle(self, *args: Any, **options: Any) -> None:
        from conversations.views.schema import generator  # noqa: PLC0415 — its library is not installed in production

        text = json.dumps(generator.document(), indent=1, ensure_ascii=False) + "\n"
        if not options["check"]:
            PATH.write_text(text, encoding="utf-8")
        elif not PATH.exists() or PATH.read_text(encoding="utf-8") != text:
            raise CommandError("The OpenAPI document is out of date: run `make schema`.")
