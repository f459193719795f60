"""`manage.py migrate_online` and `lint_migrations`, with a next release that has one more migration."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

NEXT_RELEASE = {"conversations": "tests.integration.project.migration.next_release.migrations"}
pytestmark = pytest.mark.django_db


def test_does_nothing_when_there_is_nothing_to_do() -> None:
    printed = StringIO()

    call_command("migrate_online", stdout=printed)

    assert printed.getvalue() == "The tables are those of this release: there is nothing to do.\n"


def test_says_the_plan_and_refuses_what_needs_the_service_stopped(settings: Settings) -> None:
    settings.MIGRATION_MODULES = NEXT_RELEASE
    printed = StringIO()

    with pytest.raises(CommandError) as refused:
        call_command("migrate_online", stdout=printed)

    assert printed.getvalue() == (
        "conversations.9001_breaking: needs the service stopped (presets lose their name)\n"
        "    Remove field name from preset\n"
    )
    assert str(refused.value) == (
        "9001_breaking does not run beside a service: presets lose their name. "
        "Stop it on every host and start the new release, which migrates when it starts."
    )


def test_only_plans_when_asked_to(settings: Settings) -> None:
    settings.MIGRATION_MODULES = NEXT_RELEASE
    printed = StringIO()

    call_command("migrate_online", "--plan", stdout=printed)

    assert printed.getvalue().startswith("conversations.9001_breaking: needs the service stopped")


def test_the_lint_passes_this_release() -> None:
    call_command("lint_migrations")
