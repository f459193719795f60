"""What a new installation needs before anyone can use it: an account with an API key, and an admin user."""

import secrets
from dataclasses import dataclass

import structlog
from django.contrib.auth import get_user_model

from conversations.models import ApiKey
from conversations.services.accounts import accounts, api_keys

log = structlog.get_logger(__name__)

FIRST_ACCOUNT = "default"
ADMIN_USER = "admin"
ADMIN_PASSWORD_BYTES = 12


@dataclass(frozen=True, slots=True)
class FirstStart:
    """New secrets, to be shown once. None where the operator gave one, or where there was one already."""

    api_key: str | None
    admin_password: str | None


def prepare(*, api_key: str, admin_password: str) -> FirstStart:
    """Safe to repeat. A given key or password takes effect at every start; a random one is made only once."""
    return FirstStart(api_key=_prepare_key(api_key), admin_password=_prepare_admin(admin_password))


def _prepare_key(given: str) -> str | None:
    account = accounts.get_or_create(name=FIRST_ACCOUNT)
    if given:
        api_keys.create(account=account, name="PARLEY_API_KEY", secret=given)
        _warn_of_end(api_keys.find(secret=given))
        return None
    if ApiKey.objects.for_account(account).exists():
        return None
    return api_keys.create(account=account, name="first start")


def _warn_of_end(key: ApiKey) -> None:
    """Whoever rotated it has another one to put in its place: the setting still names the one that ends."""
    if key.expires_at is not None:
        log.warning("given_api_key_expires", expires_at=key.expires_at.isoformat(), replaced_by=key.replaced_by or None)


def _prepare_admin(given: str) -> str | None:
    users = get_user_model().objects
    admin = users.filter(username=ADMIN_USER).first()
    if admin is None:
        password = given or secrets.token_urlsafe(ADMIN_PASSWORD_BYTES)
        users.create_superuser(username=ADMIN_USER, email="", password=password)
        return None if given else password
    if given and not admin.check_password(given):
        admin.set_password(given)
        admin.save(update_fields=["password"])
    return None
