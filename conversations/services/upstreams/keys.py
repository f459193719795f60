"""Keys of vendors: added, replaced and removed. They are encrypted in the database, and never shown or logged."""

import re
from urllib.parse import urlsplit

from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from conversations import encryption, errors
from conversations.models import UpstreamKey
from conversations.models.upstreams import MAX_CONCURRENT, MAX_WEIGHT
from conversations.routing import accesses
from conversations.rules import texts
from conversations.services.upstreams import version
from providers import catalog
from providers.catalog import Vendor

SECRET_MAX_CHARS = 4096
# What may travel in a header.
_SECRET = re.compile(r"[\x21-\x7e]*")


def vendors() -> list[Vendor]:
    """Those that can have keys, by name."""
    known = catalog.builtin().vendors
    return [known[name] for name in sorted(known) if name != catalog.ECHO]


def save(key: UpstreamKey, *, secret: str | None) -> UpstreamKey:
    """Stores a new key, or what was changed of one; `secret` None leaves the secret as it is.

    Raises InvalidRequest.
    """
    _check(key)
    is_new = key._state.adding
    if secret is not None or is_new:
        _seal(key, secret or "")
        key.fingerprint = accesses.fingerprint((secret or "").strip(), key.base_url)
    else:
        _check_destination(key)
    try:
        with transaction.atomic():
            if secret is not None and not is_new:
                key.replaced_at = Now()
            key.save()
            version.bump()
    except IntegrityError as exc:
        raise errors.InvalidRequest("Another key has this name.", param="name") from exc
    return key


def set_enabled(*, key_ids: list[int], is_enabled: bool) -> int:
    with transaction.atomic():
        changed = UpstreamKey.objects.filter(pk__in=key_ids, is_enabled=not is_enabled).update(is_enabled=is_enabled)
        version.bump()
    return changed


def delete(*, key_ids: list[int]) -> int:
    """Also the targets that are asked with them alone. Runs keep the names of both."""
    with transaction.atomic():
        _, by_model = UpstreamKey.objects.filter(pk__in=key_ids).delete()
        version.bump()
    return by_model.get(UpstreamKey._meta.label, 0)


def secret_of(key: UpstreamKey) -> str:
    """Raises encryption.Undecryptable for one that was encrypted with a SECRET_KEY that is gone."""
    return encryption.decrypt(key.encrypted) if key.encrypted else ""


def is_decryptable(key: UpstreamKey) -> bool:
    try:
        secret_of(key)
    except encryption.Undecryptable:
        return False
    return True


def _seal(key: UpstreamKey, secret: str) -> None:
    vendor = catalog.builtin().vendors[key.vendor]
    secret = secret.strip()
    if not secret and vendor.needs_key:
        raise errors.InvalidRequest(f"{vendor.display_name} needs a key.", param="secret")
    if len(secret) > SECRET_MAX_CHARS or not _SECRET.fullmatch(secret):
        raise errors.InvalidRequest("A key has up to 4096 visible ASCII characters.", param="secret")
    key.encrypted = encryption.encrypt(secret) if secret else ""


def _check(key: UpstreamKey) -> None:
    if key.vendor not in {vendor.name for vendor in vendors()}:
        raise errors.InvalidRequest("There is no such vendor.", param="vendor")
    key.name = texts.storable(key.name, param="name", path="name").strip()
    if not key.name or not key.name.isprintable():
        raise errors.InvalidRequest("A key needs a name of one line.", param="name")
    if key.base_url and not is_base_url(key.base_url):
        raise errors.InvalidRequest("The base URL begins with http:// or https:// and a host.", param="base_url")
    if not (1 <= key.weight <= MAX_WEIGHT and 0 <= key.max_concurrent <= MAX_CONCURRENT):
        raise errors.InvalidRequest("The weight or the number of calls is out of range.", param="weight")


def _check_destination(key: UpstreamKey) -> None:
    """Who may change a key, but was never told it, cannot have it sent to an address of his own."""
    stored = UpstreamKey.objects.filter(pk=key.pk).values_list("vendor", "base_url").first()
    if stored is not None and stored != (key.vendor, key.base_url):
        raise errors.InvalidRequest("Enter the key again for another vendor or another address.", param="secret")


def is_base_url(url: str) -> bool:
    """An address of the operator's choice, also an internal one. Without credentials: those are the key."""
    if not re.fullmatch(r"[\x21-\x7e]+", url):
        return False
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    is_plain = not (parts.username or parts.password or parts.query or parts.fragment)
    return parts.scheme in ("http", "https") and bool(parts.hostname) and is_plain and port != 0
