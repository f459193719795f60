"""The keys of a vendor: the admin's where it has any that work, else those of the environment."""

from collections.abc import Sequence
from functools import lru_cache

from django.conf import settings
from django.utils.crypto import salted_hmac

from conversations.routing import table
from conversations.routing.table import Access
from providers.catalog import Vendor

FINGERPRINT_CHARS = 10


def of_vendor(vendor: Vendor) -> Sequence[Access]:
    """None for a vendor that is not configured."""
    return table.current().accesses.get(vendor.name) or _of_environment(vendor)


def missing_setting(vendor: Vendor) -> str:
    """The environment variable that must be set before the vendor can be asked; "" when none is missing."""
    return "" if of_vendor(vendor) else f"{vendor.env_prefix}{'API_KEY' if vendor.needs_key else 'BASE_URL'}"


def _of_environment(vendor: Vendor) -> Sequence[Access]:
    prefix, given = vendor.env_prefix, settings.VENDOR_SETTINGS
    if vendor.needs_key:
        return _split(f"{prefix}API_KEY", given.get(f"{prefix}API_KEY", ""))
    if vendor.base_url or not prefix or given.get(f"{prefix}BASE_URL"):
        return (Access(f"{prefix}BASE_URL" if prefix else vendor.name, ""),)
    return ()


@lru_cache(maxsize=64)
def _split(name: str, keys: str) -> Sequence[Access]:
    """Several keys are separated by commas: no vendor's key has one."""
    secrets = list(dict.fromkeys(key.strip() for key in keys.split(",") if key.strip()))
    return tuple(
        Access(name if number == 1 else f"{name} {number}", secret) for number, secret in enumerate(secrets, start=1)
    )


@lru_cache(maxsize=8192)
def fingerprint(secret: str, base_url: str) -> str:
    """Tells keys apart without telling what they are; another key, or another address, has another one."""
    return salted_hmac("parley upstream", f"{base_url}\0{secret}", algorithm="sha256").hexdigest()[:FINGERPRINT_CHARS]
