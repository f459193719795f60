"""Secrets that are used again, so cannot be hashed: encrypted in the database, with a key made from SECRET_KEY.

With a new SECRET_KEY the old one goes into SECRET_KEY_FALLBACKS, or these secrets are lost.
"""

import base64
from functools import cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

PURPOSE = b"parley signing secrets 1"
KEY_BYTES = 32


class Unreadable(Exception):
    """Encrypted with a key that neither SECRET_KEY nor its fallbacks give."""


def seal(text: str) -> str:
    return _box((settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)).encrypt(text.encode()).decode()


def open_sealed(sealed: str) -> str:
    """Raises Unreadable."""
    try:
        return _box((settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)).decrypt(sealed.encode()).decode()
    except InvalidToken as exc:
        raise Unreadable from exc


@cache
def _box(secret_keys: tuple[str, ...]) -> MultiFernet:
    """Seals with the first key and opens with any."""
    return MultiFernet([_fernet(key) for key in secret_keys])


def _fernet(secret_key: str) -> Fernet:
    derived = HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=PURPOSE).derive(secret_key.encode())
    return Fernet(base64.urlsafe_b64encode(derived))
