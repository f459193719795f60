"""How many rows an account may have: more are refused, and nothing is stored."""

from datetime import timedelta

import pytest
from django.db.models.functions import Now
from pytest_django import Settings

from conversations import errors
from conversations.models import Account, ApiKey, Conversation, IdempotencyKey, Preset, Run
from conversations.services import presets
from conversations.services.accounts import accounts, api_keys, quotas
from conversations.services.accounts.quotas import Quota
from conversations.services.runs.accept import AcceptedRun
from conversations.values.callers import Caller
from conversations.values.requests import Preconditions
from tests import builders
from tests.builders.factories import AccountFactory

pytestmark = pytest.mark.django_db


def allow(account: Account, quota: Quota, number: int | None) -> None:
    accounts.set_quotas(account_id=account.pk, limits={quota: number})


def test_the_settings_hold_unless_the_account_has_a_number_of_its_own(ann: Account, settings: Settings) -> None:
    settings.QUOTAS = {**settings.QUOTAS, "presets": 7}

    assert quotas.limit(ann, Quota.PRESETS) == 7
    allow(ann, Quota.PRESETS, 0)
    assert quotas.limit(Account.objects.get(), Quota.PRESETS) == 0
    allow(ann, Quota.PRESETS, None)
    assert quotas.limit(Account.objects.get(), Quota.PRESETS) == 7


def test_every_quota_has_a_setting_and_a_word(settings: Settings) -> None:
    assert set(settings.QUOTAS) == {*Quota} == set(quotas.LABELS)


def test_only_keys_that_work_count(ann: Account) -> None:
    allow(ann, Quota.API_KEYS, 2)
    first = api_keys.create(account=ann)
    api_keys.create(account=ann)

    with pytest.raises(errors.QuotaExceeded, match="An account has at most 2 API keys"):
        api_keys.create(account=ann)
    assert ApiKey.objects.count() == 2

    api_keys.revoke(key_ids=[api_keys.find(secret=first).pk])
    api_keys.create(account=ann)


def test_keys_that_are_revoked_at_once_are_counted_for_a_day(ann: Account, bob: Account) -> None:
    allow(ann, Quota.API_KEYS, 1)
    for _ in range(10):
        api_keys.revoke(key_ids=[api_keys.find(secret=api_keys.create(account=ann)).pk])

    with pytest.raises(errors.QuotaExceeded, match="An account makes at most 10 API keys a day"):
        api_keys.create(account=ann)
    api_keys.create(account=bob)

    ApiKey.objects.filter(account=ann).update(created_at=Now() - timedelta(hours=25))
    api_keys.create(account=ann)


def test_a_key_that_is_there_already_is_not_one_more(ann: Account) -> None:
    given = api_keys.create(account=ann, secret="an-operators-own-key-0123456789")
    allow(ann, Quota.API_KEYS, 1)

    assert api_keys.create(account=ann, secret=given) == given


def test_versions_of_presets_count_together(ann: Account) -> None:
    allow(ann, Quota.PRESETS, 2)
    presets.save(account=ann, name="kind", text="Be kind.")
    presets.save(account=ann, name="kind", text="Be kinder.")

    with pytest.raises(errors.QuotaExceeded, match="An account has at most 2 versions of presets"):
        presets.save(account=ann, name="other", text="Be other.")
    presets.save(account=AccountFactory.create(name="bob"), name="kind", text="Be kind.")

    assert Preset.objects.for_account(ann).count() == 2


def caller(account: Account) -> Caller:
    return api_keys.authenticate(secret=api_keys.create(account=account))


def test_a_caller_knows_what_its_account_may_still_make(ann: Account) -> None:
    allow(ann, Quota.CONVERSATIONS, 5)
    allow(ann, Quota.IDEMPOTENCY_KEYS, 5)

    found = []
    for kept in (-1, 4, 5, 6):
        Account.objects.update(conversation_count=kept, idempotency_key_count=kept)
        known = caller(ann)
        found.append((known.may_begin_conversations, known.may_take_idempotency_keys))

    assert found == [(True, True), (True, True), (False, False), (False, False)]


def test_an_account_with_its_number_of_conversations_goes_on_in_them(ann: Account) -> None:
    allow(ann, Quota.CONVERSATIONS, 1)
    builders.runs.answered(ann, "Hello")

    again = builders.runs.start(ann, "And again", may_begin_conversations=False)
    with pytest.raises(errors.QuotaExceeded, match="An account has at most 1 conversations"):
        builders.runs.start(ann, "Elsewhere", conversation_id="another", may_begin_conversations=False)
    unstored = builders.runs.start(ann, "Nowhere", is_stored=False, may_begin_conversations=False)

    assert Conversation.objects.count() == 1
    assert set(Run.objects.filter(finished_at=None)) == {again, unstored}


def accept(account: Account, key: str, *, may_take_keys: bool) -> AcceptedRun:
    preconditions = Preconditions(idempotency_key=key, body_hash=b"h" * 32)
    return builders.runs.accept(account, is_stored=False, preconditions=preconditions, may_take_keys=may_take_keys)


def test_an_account_with_its_number_of_idempotency_keys_may_repeat_them(ann: Account) -> None:
    allow(ann, Quota.IDEMPOTENCY_KEYS, 1)
    first = accept(ann, "one", may_take_keys=True)

    again = accept(ann, "one", may_take_keys=False)
    with pytest.raises(errors.QuotaExceeded, match="An account has at most 1 idempotency keys in 24 hours"):
        accept(ann, "two", may_take_keys=False)

    assert (again.pk, again.is_new) == (first.pk, False)
    assert (IdempotencyKey.objects.count(), Run.objects.count()) == (1, 1)
