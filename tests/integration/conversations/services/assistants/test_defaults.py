"""The default assistant is made once, whoever asks first."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import IntegrityError
from pytest_django import Settings

from conversations import errors
from conversations.models import Account, Assistant, AssistantVersion
from conversations.services.assistants import assistants, defaults
from conversations.values.assistants import AssistantConfig, AssistantKind
from tests import round_trips
from tests.builders import locks
from tests.builders.factories import A_MOMENT, AccountFactory, AssistantFactory


@pytest.mark.django_db
def test_is_made_when_it_is_first_needed_and_found_in_one_round_trip(settings: Settings) -> None:
    settings.DEFAULT_MODEL = "gpt-4o-mini"
    account = AccountFactory.create()

    made = defaults.config_of(account_id=account.pk, assistant_id=None)
    found: list[AssistantConfig] = []

    assert round_trips.count(lambda: found.append(defaults.config_of(account_id=account.pk, assistant_id=None))) == 1
    assert found == [made]
    assert made == AssistantConfig(
        made.pk, made.public_id, 1, AssistantKind.DIALOGUE, "Default", "gpt-4o-mini", is_default=True
    )


@pytest.mark.django_db
def test_an_account_that_may_have_no_assistant_has_a_default_one() -> None:
    account = AccountFactory.create(max_assistants=0)

    assert defaults.default_of(account_id=account.pk).is_default
    with pytest.raises(errors.QuotaExceeded):
        assistants.create(account_id=account.pk, given={"name": "a"})


@pytest.mark.django_db
def test_is_made_anew_when_it_was_deleted() -> None:
    account = AccountFactory.create()
    first = defaults.default_of(account_id=account.pk)

    assistants.delete(account_id=account.pk, assistant_id=first.public_id)

    assert defaults.default_of(account_id=account.pk).pk != first.pk


@pytest.mark.django_db
def test_no_row_comes_to_an_erased_account() -> None:
    account = AccountFactory.create(erased_at=A_MOMENT, is_active=False)

    with pytest.raises(errors.InvalidRequest, match="erased"):
        defaults.default_of(account_id=account.pk)
    assert not Assistant.objects.exists()


@pytest.mark.django_db
def test_one_that_is_named_is_never_made() -> None:
    account, other = AccountFactory.create(), AssistantFactory.create()

    for assistant_id in ("asst_x", "", other.public_id):
        with pytest.raises(errors.NotFound):
            defaults.config_of(account_id=account.pk, assistant_id=assistant_id)
    assert not Assistant.objects.for_account(account).exists()


@pytest.mark.django_db(transaction=True)
def test_is_made_once_by_many_at_the_same_moment() -> None:
    account = AccountFactory.create()

    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(locks.hung_up, lambda: defaults.default_of(account_id=account.pk).pk) for _ in range(16)]
        found = {one.result() for one in asked}

    assert found == set(Assistant.objects.values_list("pk", flat=True))
    assert (len(found), AssistantVersion.objects.count()) == (1, 1)


@pytest.mark.django_db
def test_the_database_knows_one_alone() -> None:
    first = AssistantFactory.create(is_default=True)

    with pytest.raises(IntegrityError):
        AssistantFactory.create(account=first.account, is_default=True)


@pytest.mark.django_db(transaction=True)
def test_two_who_choose_at_once_leave_one() -> None:
    account = AccountFactory.create()
    pair = [AssistantFactory.create(account=account) for _ in range(2)]

    def choose(at: int) -> object:
        chosen = pair[at % 2].public_id
        return locks.hung_up(
            lambda: assistants.change(account_id=account.pk, assistant_id=chosen, given={}, is_default=True)
        )

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(choose, range(12)))

    assert Assistant.objects.for_account(Account(pk=account.pk)).filter(is_default=True).count() == 1
