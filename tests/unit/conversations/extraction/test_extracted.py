"""What the process that reads documents says to the one that asks."""

import pytest

from conversations.extraction import extracted
from conversations.extraction.errors import Reason, Unreadable
from conversations.extraction.extracted import Extracted


def test_is_read_as_it_was_written() -> None:
    outcome = Extracted(text="第一\n\nnext", title="T\n", page_starts=(0, 4), media_type="application/pdf")

    assert extracted.read(extracted.write(outcome)) == outcome


def test_a_refusal_is_read_as_it_was_written() -> None:
    refusal = extracted.read(extracted.write(Unreadable("No.", reason="encrypted")))

    assert isinstance(refusal, Unreadable)
    assert (refusal.reason, refusal.message) == ("encrypted", "No.")


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"{}\n",
        b"[]\n",
        b'{"reason": "because", "message": "x"}\n',
        b'{"title": 1, "media_type": "a", "page_starts": []}\n',
        b'{"title": "", "media_type": "a", "page_starts": ["x"]}\n',
        b'{"title": "", "media_type": "a", "page_starts": [true]}\n',
        b'{"title": "", "media_type": "a", "page_starts": []}\n\xff',
        # What PostgreSQL does not store, and UTF-8 does not have.
        b'{"title": "", "media_type": "a", "page_starts": []}\na\x00b',
        b'{"title": "\\ud800", "media_type": "a", "page_starts": []}\n',
        b'{"title": "", "media_type": "\\ud800", "page_starts": []}\n',
        b'{"reason": "damaged", "message": "\\ud800"}\n',
        b'{"title": "", "media_type": "a", "page_starts": ' + b"[" * 100_000 + b"\n",
        # Pages that are nowhere in the text.
        b'{"title": "", "media_type": "a", "page_starts": [-1]}\nab',
        b'{"title": "", "media_type": "a", "page_starts": [0, 3]}\nab',
        b'{"title": "", "media_type": "a", "page_starts": [1, 0]}\nab',
    ],
)
def test_refuses_an_answer_that_it_would_not_write(answer: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whatever JSON and UTF-8 say
        extracted.read(answer)


@pytest.mark.parametrize(("reason", "retryable"), [("busy", True), ("interrupted", True), ("damaged", False)])
def test_says_whether_the_same_document_may_be_read_later(reason: Reason, retryable: bool) -> None:
    assert Unreadable("x", reason=reason).retryable is retryable
