"""Assistants, each with its first version."""

from typing import Any

import factory as library
from factory.django import DjangoModelFactory

from conversations.models import Assistant, AssistantVersion
from tests.builders.factories import AccountFactory

# factory-boy's declarations are typed only in part.
factory: Any = library


class AssistantFactory(DjangoModelFactory[Assistant]):
    """`version_row__…` are fields of its version."""

    class Meta:
        model = Assistant
        skip_postgeneration_save = True

    account = factory.SubFactory(AccountFactory)
    version_row = factory.RelatedFactory(
        "tests.builders.assistants.AssistantVersionFactory", factory_related_name="assistant"
    )


class AssistantVersionFactory(DjangoModelFactory[AssistantVersion]):
    class Meta:
        model = AssistantVersion

    assistant = factory.SubFactory(AssistantFactory, version_row=None)
    account = factory.SelfAttribute("assistant.account")
    number = 1
    name = factory.Sequence("assistant {}".format)
    kind = "dialogue"
