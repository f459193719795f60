"""Encryption of secrets that are needed again in clear, so cannot be hashed. The key is derived from SECRET_KEY.

When SECRET_KEY changes, the old one goes into SECRET_KEY_FALLBACKS. Otherwise these secrets are lost.
"""

import base64
from functools import cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

PURPOSE = b"parley signing secrets 1"
KEY_BYTES = 32


class Undecryptable(Exception):
    """Encrypted with a key that neither SECRET_KEY nor its fallbacks give."""


def encrypt(text: str) -> str:
    return _ciphers((settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)).encrypt(text.encode()).decode()


def decrypt(encrypted: str) -> str:
    """Raises Undecryptable."""
    try:
        return _ciphers((settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)).decrypt(encrypted.encode()).decode()
    except InvalidToken as exc:
        raise Undecryptable from exc


@cache
def _ciphers(secret_keys: tuple[str, ...]) -> MultiFernet:
    """Encrypts with the first key and decrypts with any."""
    return MultiFernet([_cipher(key) for key in secret_keys])


def _cipher(secret_key: str) -> Fernet:
    derived = HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=PURPOSE).derive(secret_key.encode())
    return Fernet(base64.urlsafe_b64encode(derived))
