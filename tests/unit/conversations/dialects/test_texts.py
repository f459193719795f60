import pytest

from conversations.dialects.texts import storable
from conversations.errors import InvalidRequest


@pytest.mark.parametrize("text", ["", "plain", "你好 😀 \u2028 \x01\x7f\ufffe", "\U0010ffff"])
def test_any_whole_text_passes_unchanged(text: str) -> None:
    assert storable(text, param="question") == text


@pytest.mark.parametrize("text", ["a\x00b", "\x00", "\ud83d", "half \ude00 of it", "\ude00\ud83d"])
def test_text_that_no_database_takes_is_refused_by_its_field(text: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        storable(text, param="references", place="references[1].url")

    assert caught.value.param == "references"
    assert caught.value.message.startswith("references[1].url contains a ")
    assert caught.value.message.isascii()
