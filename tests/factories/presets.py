"""Presets."""

from factory.django import DjangoModelFactory

from conversations.models import Preset
from tests.factories.accounts import AccountFactory
from tests.factories.declarations import factory


class PresetFactory(DjangoModelFactory[Preset]):
    class Meta:
        model = Preset

    account = factory.SubFactory(AccountFactory)
    name = factory.Sequence("preset {}".format)
    text = "You are helpful."
