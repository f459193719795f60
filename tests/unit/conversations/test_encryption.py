"""Encrypted secrets cannot be read without SECRET_KEY, and still can after it was changed."""

import pytest
from pytest_django import Settings

from conversations import encryption


def test_decrypts_what_it_encrypted() -> None:
    encrypted = encryption.encrypt("whsec_secret")

    assert encryption.decrypt(encrypted) == "whsec_secret"
    assert "whsec" not in encrypted


def test_never_encrypts_alike_twice() -> None:
    assert encryption.encrypt("a") != encryption.encrypt("a")


def test_needs_the_old_key_when_there_is_a_new_one(settings: Settings) -> None:
    encrypted = encryption.encrypt("whsec_secret")
    old = settings.SECRET_KEY

    settings.SECRET_KEY = "another-secret-of-more-than-32-characters"
    with pytest.raises(encryption.Undecryptable):
        encryption.decrypt(encrypted)
    settings.SECRET_KEY_FALLBACKS = [old]

    assert encryption.decrypt(encrypted) == "whsec_secret"


@pytest.mark.parametrize("text", ["", "nonsense", "gAAAAA", "é"])
def test_refuses_what_it_never_encrypted(text: str) -> None:
    with pytest.raises(encryption.Undecryptable):
        encryption.decrypt(text)
