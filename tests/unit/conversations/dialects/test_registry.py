import pytest

from conversations.dialects import registry
from conversations.dialects.aichat import dialect as aichat
from conversations.dialects.openai import dialect as openai
from conversations.dialects.yuju import dialect as yuju
from conversations.values.runs import Format


def test_every_folder_with_an_entry_is_a_family() -> None:
    assert registry.DIALECTS == {"aichat": aichat.DIALECT, "openai": openai.DIALECT, "yuju": yuju.DIALECT}
    assert registry.names() == ["aichat", "openai", "yuju"]
    assert registry.choices() == [("aichat", "aichat"), ("openai", "openai"), ("yuju", "yuju")]


def test_a_name_that_no_family_has_is_an_error() -> None:
    with pytest.raises(LookupError):
        registry.get("klingon")


@pytest.mark.parametrize(
    ("name", "formats", "needs_words", "has_document"),
    [
        ("aichat", (Format.NDJSON, Format.SSE, Format.JSON), True, False),
        ("openai", (Format.SSE, Format.JSON), False, True),
        ("yuju", (Format.SSE, Format.JSON), True, True),
    ],
)
def test_says_how_a_family_answers(
    name: str, formats: tuple[Format, ...], needs_words: bool, has_document: bool
) -> None:
    dialect = registry.get(name)

    assert (dialect.formats, dialect.needs_words, dialect.has_document) == (formats, needs_words, has_document)
