"""API keys for their owners, also those that were revoked or have expired."""

from conversations import errors
from conversations.models import ApiKey
from conversations.queries.keyset import Page, keyset_page


def for_account(*, account_id: int, key_id: str) -> ApiKey:
    """Raises NotFound when the account has no such key."""
    key = ApiKey.objects.for_account(account_id).defer("key_hash").filter(public_id=key_id).first()
    if key is None:
        raise errors.NotFound("key not found")
    return key


def page(*, account_id: int, cursor: str | None, limit: int) -> Page[ApiKey]:
    """The newest first. Raises InvalidRequest when `cursor` is not the id of a key of the account."""
    return keyset_page(ApiKey.objects.defer("key_hash"), account_id=account_id, cursor=cursor, limit=limit)
