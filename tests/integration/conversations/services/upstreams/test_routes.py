"""How keys and targets come from the database to a process."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import DatabaseError
from pytest_django import DjangoAssertNumQueries

from conversations.models import UpstreamKey, UpstreamTarget
from conversations.routing import table
from conversations.services.upstreams import keys, routes, targets, version
from tests import builders

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_routes")]


def known() -> tuple[list[str], list[str]]:
    current = table.current()
    return [access.name for found in current.accesses.values() for access in found], list(current.targets)


def test_nothing_is_read_but_the_version_while_that_stays(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    builders.upstreams.key("http://inside/v1")

    with django_assert_num_queries(3):
        routes.refresh()
    with django_assert_num_queries(1):
        routes.refresh()

    assert known() == (["first"], [])


def test_every_change_is_noticed() -> None:
    target = builders.upstreams.target("http://inside/v1")
    assert known() == (["first"], ["gpt-4"])
    seen = []
    changes: tuple[Callable[[], int], ...] = (
        lambda: targets.set_enabled(target_ids=[target.pk], is_enabled=False),
        lambda: keys.set_enabled(key_ids=[target.key_id or 0], is_enabled=False),
        lambda: targets.set_enabled(target_ids=[target.pk], is_enabled=True),
        lambda: keys.set_enabled(key_ids=[target.key_id or 0], is_enabled=True),
        lambda: keys.delete(key_ids=[target.key_id or 0]),
    )

    for change in changes:
        change()
        routes.refresh()
        seen.append(known())

    assert seen == [(["first"], []), ([], []), ([], ["gpt-4"]), (["first"], ["gpt-4"]), ([], [])]
    assert UpstreamTarget.objects.count() == 0


def test_a_key_that_cannot_be_decrypted_is_as_if_it_were_disabled(
    settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    builders.upstreams.key("http://inside/v1", "lost")
    settings.SECRET_KEY = "another-secret-that-guards-nothing-at-all"
    builders.upstreams.key("http://inside/v1", "new")

    routes.refresh()

    assert known() == (["new"], [])
    assert "upstream_key_undecryptable" in caplog.text
    assert "'key': 'lost'" in caplog.text


def test_the_last_table_serves_while_the_database_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    builders.upstreams.target("http://inside/v1")

    def away() -> int:
        raise DatabaseError

    monkeypatch.setattr(version, "current", away)
    with pytest.raises(DatabaseError):
        routes.refresh()

    assert known() == (["first"], ["gpt-4"])


def test_a_lost_key_can_be_entered_again(settings: Any) -> None:
    key = builders.upstreams.key("http://inside/v1", "lost")
    settings.SECRET_KEY = "another-secret-that-guards-nothing-at-all"

    keys.save(UpstreamKey.objects.get(pk=key.pk), secret=None)
    keys.save(UpstreamKey.objects.get(pk=key.pk), secret="sk-again")

    assert keys.secret_of(UpstreamKey.objects.get()) == "sk-again"
