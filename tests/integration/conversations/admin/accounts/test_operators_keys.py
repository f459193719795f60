"""Keys that look beyond their account are made by superusers alone."""

import re

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from conversations.models import ApiKey
from conversations.services.accounts import api_keys
from tests.builders.factories import AccountFactory

ADD = reverse("admin:conversations_apikey_add")


@pytest.mark.django_db
@pytest.mark.parametrize("is_superuser", [True, False])
def test_a_superuser_makes_an_operators_key(client: Client, is_superuser: bool) -> None:
    user = User.objects.create_user("somebody", is_staff=True, is_superuser=is_superuser)
    user.user_permissions.set(Permission.objects.filter(content_type__app_label="conversations"))
    client.force_login(user)
    account = AccountFactory.create()

    form = client.get(ADD).content.decode()
    made = client.post(ADD, {"account": account.pk, "name": "", "is_operator": "on"}).content.decode()

    assert ('name="is_operator"' in form) is is_superuser
    [secret] = re.findall(r"sk-[\w-]{20,}", made)
    assert api_keys.authenticate(secret=secret).is_operator is is_superuser
    assert ApiKey.objects.get().is_operator is is_superuser
