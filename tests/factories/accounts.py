"""Accounts and their keys."""

from factory.django import DjangoModelFactory

from conversations.models import Account, ApiKey
from conversations.rules import api_keys
from tests.factories.declarations import factory


class AccountFactory(DjangoModelFactory[Account]):
    class Meta:
        model = Account

    name = factory.Sequence("account {}".format)


class ApiKeyFactory(DjangoModelFactory[ApiKey]):
    """`secret` is what the key's bearer would send."""

    class Meta:
        model = ApiKey

    class Params:
        secret = factory.Sequence("sk-{:040d}".format)

    account = factory.SubFactory(AccountFactory)
    prefix = factory.LazyAttribute(lambda key: api_keys.prefix(key.secret))
    key_hash = factory.LazyAttribute(lambda key: api_keys.hash_key(key.secret))
