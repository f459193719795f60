"""Sealed secrets: unreadable without SECRET_KEY, readable after it was changed."""

import pytest
from pytest_django import Settings

from conversations import encryption


def test_opens_what_it_sealed() -> None:
    sealed = encryption.seal("whsec_secret")

    assert encryption.open_sealed(sealed) == "whsec_secret"
    assert "whsec" not in sealed


def test_never_seals_alike_twice() -> None:
    assert encryption.seal("a") != encryption.seal("a")


def test_needs_the_old_key_when_there_is_a_new_one(settings: Settings) -> None:
    sealed = encryption.seal("whsec_secret")
    old = settings.SECRET_KEY

    settings.SECRET_KEY = "another-secret-of-more-than-32-characters"
    with pytest.raises(encryption.Unreadable):
        encryption.open_sealed(sealed)
    settings.SECRET_KEY_FALLBACKS = [old]

    assert encryption.open_sealed(sealed) == "whsec_secret"


@pytest.mark.parametrize("text", ["", "nonsense", "gAAAAA", "é"])
def test_refuses_what_nobody_sealed(text: str) -> None:
    with pytest.raises(encryption.Unreadable):
        encryption.open_sealed(text)
