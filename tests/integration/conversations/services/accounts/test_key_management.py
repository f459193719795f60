"""Keys that manage keys: never beyond their own rights, and not any more once they are revoked."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from conversations import errors
from conversations.models import Account, ApiKey
from conversations.services.accounts import accounts, api_keys, key_management
from conversations.services.accounts.key_options import KeyOptions
from conversations.values.callers import Caller
from tests import builders

pytestmark = pytest.mark.django_db

SOON, LATER = datetime(2040, 1, 1, tzinfo=UTC), datetime(2041, 1, 1, tzinfo=UTC)
MANAGER = KeyOptions(
    scopes=("openai", "keys"), model_patterns=("gpt-*",), requests_per_minute=100, concurrent_runs=5, expires_at=SOON
)
WITHIN = KeyOptions(
    scopes=("openai",), model_patterns=("gpt-4*",), requests_per_minute=10, concurrent_runs=5, expires_at=SOON
)
DAY = timedelta(days=1)

BEYOND: dict[str, Any] = {
    "scopes": ("openai", "api"),
    "model_patterns": ("gpt-4*", "*"),
    "requests_per_minute": 0,
    "concurrent_runs": 6,
    "expires_at": None,
}


def key(account: Account, options: KeyOptions = KeyOptions(scopes=("keys",)), **how: Any) -> ApiKey:  # noqa: B008
    return api_keys.find(secret=api_keys.create(account=account, options=options, **how))


def caller(manager: ApiKey) -> Caller:
    return Caller(account_id=manager.account_id, api_key_id=manager.pk, scopes=tuple(manager.scopes))


def test_a_key_makes_one_within_its_rights(ann: Account) -> None:
    manager = key(ann, MANAGER)

    made, secret = key_management.create(caller=caller(manager), options=replace(WITHIN, name="child"))

    assert api_keys.authenticate(secret=secret).api_key_id == made.pk
    assert (made.name, made.made_by, made.account_id) == ("child", manager.public_id, ann.pk)
    assert KeyOptions(**{name: getattr(made, name) for name in WITHIN.columns}).columns == {
        **WITHIN.columns,
        "name": "child",
    }


@pytest.mark.parametrize("name", BEYOND)
def test_no_key_makes_one_with_more_rights(ann: Account, name: str) -> None:
    manager = key(ann, MANAGER)

    with pytest.raises(errors.OutOfScope):
        key_management.create(caller=caller(manager), options=replace(WITHIN, **{name: BEYOND[name]}))

    assert ApiKey.objects.count() == 1


@pytest.mark.parametrize("name", BEYOND)
def test_no_key_gives_another_more_rights(ann: Account, name: str) -> None:
    manager, other = key(ann, MANAGER), key(ann, WITHIN)

    with pytest.raises(errors.OutOfScope):
        key_management.change(caller=caller(manager), key_id=other.public_id, columns={name: BEYOND[name]})

    assert ApiKey.objects.filter(pk=other.pk).values(*WITHIN.columns).get() == WITHIN.columns


@pytest.mark.parametrize("name", BEYOND)
def test_no_key_touches_a_stronger_one(ann: Account, name: str) -> None:
    manager, other = key(ann, MANAGER), key(ann, replace(WITHIN, **{name: BEYOND[name]}))

    for act in (
        lambda: key_management.change(caller=caller(manager), key_id=other.public_id, columns=WITHIN.columns),
        lambda: key_management.rotate(caller=caller(manager), key_id=other.public_id, overlap=DAY),
        lambda: key_management.revoke(caller=caller(manager), key_id=other.public_id),
    ):
        with pytest.raises(errors.OutOfScope):
            act()

    assert ApiKey.objects.filter(revoked_at=None).count() == 2


def test_no_key_touches_an_operators(ann: Account) -> None:
    manager = key(ann, KeyOptions(scopes=("keys", "api")))
    operator = key(ann, KeyOptions(scopes=("api",)), is_operator=True)

    with pytest.raises(errors.OutOfScope):
        key_management.rotate(caller=caller(manager), key_id=operator.public_id, overlap=DAY)


@pytest.mark.parametrize("scopes", [(), ("api",), ("openai", "api", "aichat", "yuju")])
def test_a_key_without_the_scope_manages_nothing(ann: Account, scopes: tuple[str, ...]) -> None:
    stranger = key(ann, KeyOptions(scopes=scopes))

    with pytest.raises(errors.OutOfScope):
        key_management.create(caller=caller(stranger), options=KeyOptions(scopes=("api",)))


def test_a_key_that_was_revoked_a_moment_ago_makes_none(ann: Account) -> None:
    manager = key(ann)
    remembered = caller(manager)
    api_keys.revoke(key_ids=[manager.pk])

    with pytest.raises(errors.InvalidKey):
        key_management.create(caller=remembered, options=KeyOptions(scopes=("keys",)))


def test_a_key_of_a_disabled_account_makes_none(ann: Account) -> None:
    manager = key(ann)
    accounts.set_active(account_ids=[ann.pk], is_active=False)

    with pytest.raises(errors.AccountDisabled):
        key_management.create(caller=caller(manager), options=KeyOptions(scopes=("keys",)))


def test_the_keys_of_others_are_not_found(ann: Account, bob: Account) -> None:
    manager, other = key(ann), key(bob)

    for act in (
        lambda: key_management.change(caller=caller(manager), key_id=other.public_id, columns={"name": "mine"}),
        lambda: key_management.rotate(caller=caller(manager), key_id=other.public_id, overlap=DAY),
        lambda: key_management.revoke(caller=caller(manager), key_id=other.public_id),
    ):
        with pytest.raises(errors.NotFound):
            act()


def test_a_limit_of_the_account_bounds_what_a_key_makes(ann: Account) -> None:
    """The manager has none of its own, so it has the account's."""
    accounts.set_limits(account_id=ann.pk, limits={"tokens_per_minute": 1000})
    manager = key(ann)

    made, _ = key_management.create(caller=caller(manager), options=KeyOptions(scopes=("keys",)))
    with pytest.raises(errors.OutOfScope):
        key_management.create(caller=caller(manager), options=KeyOptions(scopes=("keys",), tokens_per_minute=1001))

    assert made.tokens_per_minute is None


def test_both_keys_work_after_a_rotation_until_the_old_one_ends(ann: Account) -> None:
    manager = key(ann, KeyOptions(scopes=("keys", "openai")))
    old_secret = api_keys.create(account=ann, options=replace(WITHIN, expires_at=None))
    old = api_keys.find(secret=old_secret)

    successor, secret = key_management.rotate(caller=caller(manager), key_id=old.public_id, overlap=DAY)

    assert {api_keys.authenticate(secret=one).api_key_id for one in (old_secret, secret)} == {old.pk, successor.pk}
    old.refresh_from_db()
    assert successor.expires_at is None
    assert old.expires_at is not None
    assert DAY - timedelta(minutes=1) < old.expires_at - successor.created_at <= DAY


def test_a_rotation_that_leaves_the_old_key_no_time_ends_it_at_once(ann: Account) -> None:
    manager = key(ann)
    old_secret = api_keys.create(account=ann, options=KeyOptions(scopes=("keys",)))

    key_management.rotate(
        caller=caller(manager), key_id=api_keys.find(secret=old_secret).public_id, overlap=timedelta(0)
    )

    with pytest.raises(errors.KeyExpired):
        api_keys.authenticate(secret=old_secret)


def test_a_rotation_gives_an_expiring_key_no_more_time(ann: Account) -> None:
    manager = key(ann)
    soon = datetime.now(UTC) + timedelta(hours=1)
    old = key(ann, KeyOptions(scopes=("keys",), expires_at=soon))

    successor, _ = key_management.rotate(caller=caller(manager), key_id=old.public_id, overlap=DAY)

    old.refresh_from_db()
    assert (old.expires_at, successor.expires_at) == (soon, soon)


def test_a_key_is_rotated_once_and_names_its_successor(ann: Account) -> None:
    """It ends soon, and a second successor would end with it."""
    manager, old = key(ann), key(ann)
    successor, _ = key_management.rotate(caller=caller(manager), key_id=old.public_id, overlap=DAY)

    with pytest.raises(errors.InvalidRequest, match=successor.public_id):
        key_management.rotate(caller=caller(manager), key_id=old.public_id, overlap=DAY)
    third, _ = key_management.rotate(caller=caller(manager), key_id=successor.public_id, overlap=DAY)

    old.refresh_from_db()
    assert (old.replaced_by, third.expires_at, ApiKey.objects.count()) == (successor.public_id, None, 4)


def test_a_manager_may_rotate_itself(ann: Account) -> None:
    manager = key(ann, MANAGER)

    successor, _ = key_management.rotate(caller=caller(manager), key_id=manager.public_id, overlap=timedelta(0))

    assert (successor.scopes, successor.expires_at) == (["openai", "keys"], SOON)
    with pytest.raises(errors.InvalidKey):
        key_management.create(caller=caller(manager), options=WITHIN)
    key_management.create(caller=caller(successor), options=WITHIN)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("act", ["rotate", "change"])
def test_waits_for_the_account_before_it_locks_the_key(ann: Account, act: str) -> None:
    """Who manages keys holds the account and then takes a key: the other way round they would wait for each other."""
    one = key(ann)
    acts: dict[str, Callable[[], object]] = {
        "rotate": lambda: api_keys.rotate(one),
        "change": lambda: api_keys.change(one, {"name": "late"}),
    }

    with builders.locks.waited_for(lambda: Account.objects.select_for_update().get(), by=acts[act]):
        ApiKey.objects.filter(pk=one.pk).update(name="first", scopes=["openai"])

    names = sorted(ApiKey.objects.values_list("name", "scopes__0"))
    assert names == {"rotate": [("first", "openai")] * 2, "change": [("late", "openai")]}[act]


def test_a_revoked_key_has_no_successor(ann: Account) -> None:
    manager, old = key(ann), key(ann)
    api_keys.revoke(key_ids=[old.pk])

    with pytest.raises(errors.InvalidRequest):
        key_management.rotate(caller=caller(manager), key_id=old.public_id, overlap=DAY)

    assert ApiKey.objects.count() == 2


def test_a_key_may_revoke_itself(ann: Account) -> None:
    manager = key(ann)

    assert key_management.revoke(caller=caller(manager), key_id=manager.public_id).revoked_at is not None


@pytest.mark.parametrize(
    "columns",
    [
        {"scopes": ["admin"]},
        {"scopes": ["keys", "keys"]},
        {"model_patterns": ["a b"]},
        {"model_patterns": ["x"] * 51},
        {"requests_per_minute": -1},
        {"tokens_per_minute": 10_000_001},
        {"name": "a\x00b"},
        {"name": "x" * 101},
    ],
    ids=repr,
)
def test_what_a_key_cannot_be(ann: Account, columns: dict[str, Any]) -> None:
    manager = key(ann, KeyOptions(scopes=("keys",)))

    with pytest.raises(errors.InvalidRequest):
        key_management.change(caller=caller(manager), key_id=manager.public_id, columns=columns)
