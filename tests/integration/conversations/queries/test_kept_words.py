"""The words at places of kept documents: those of the account, and of nothing that was deleted."""

import pytest

from conversations.models import Account, Content
from conversations.queries.knowledge import kept_words
from tests.builders.factories import AccountFactory

pytestmark = pytest.mark.django_db

TEXT = "首都是北京。The capital is Beijing."


def content(owner: Account, digest: bytes, text: str = TEXT) -> str:
    Content.objects.create(account=owner, digest=digest, media_type="text/plain", text=text, size=1, weight=len(text))
    return digest.hex()


def test_gives_the_words_at_each_place_in_one_statement_for_eight_documents(ann: Account) -> None:
    ids = [content(ann, bytes([at]) * 32, f"{at:02}{TEXT}") for at in range(9)]
    spans = [(one, first, last) for one in ids for first, last in ((2, 8), (8, 11), (0, 2))]

    found = kept_words.of_contents(ann.pk, spans)

    assert [found[span] for span in spans[:3]] == ["首都是北京。", "The", "00"]
    assert [found[one, 0, 2] for one in ids] == [f"{at:02}" for at in range(9)]
    assert len(found) == 27


def test_gives_nothing_of_another_account_or_of_what_is_gone(ann: Account) -> None:
    others = content(AccountFactory.create(), b"x" * 32)
    gone = content(ann, b"y" * 32)
    Content.objects.filter(account=ann).delete()

    assert kept_words.of_contents(ann.pk, [(others, 0, 3), (gone, 0, 3), ("00" * 32, 0, 3)]) == {}
    assert kept_words.of_knowledge(ann.pk, [("doc_unknown", 0, 3)]) == {}


def test_a_place_beyond_the_text_has_fewer_words(ann: Account) -> None:
    one = content(ann, b"z" * 32)

    assert kept_words.of_contents(ann.pk, [(one, 0, 6), (one, 30, 9000), (one, 8000, 9000)]) == {
        (one, 0, 6): "首都是北京。",
        (one, 30, 9000): TEXT[30:],
        (one, 8000, 9000): "",
    }
