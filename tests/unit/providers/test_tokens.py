import pytest

from providers import tokens
from providers.messages import (
    AudioPart,
    FilePart,
    ImagePart,
    Message,
    Part,
    RefusalPart,
    Role,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", 0),
        ("hello", 1),
        ("the cat sat", 3),
        ("internationalization", 5),  # 20 / 4.5
        ("123456", 2),
        ("a\n\n\nb", 3),
        ("a\r\nb", 3),
        ("!!!!!", 4),
        ("你好世界", 4),  # 3.12
        ("ひらがな", 3),
        ("한국어말", 3),
        ("привет", 2),
        ("é", 1),
        ("🙂🙂", 4),
        ("你好 hello 12", 4),  # 1.56 + 1 + 0.67
        ("\ud800", 1),
    ],
)
def test_counts_each_script_by_its_own_weight(text: str, expected: int) -> None:
    assert tokens.estimate_text(text) == expected


def test_counts_chinese_as_far_more_than_a_token_for_four_characters() -> None:
    assert tokens.estimate_text("床前明月光疑是地上霜" * 100) == 780


def test_counts_a_long_text_as_the_sum_of_its_pieces() -> None:
    """Every fifth piece ends where a `cats ` ends; at the other ends a word is cut and counts twice."""
    words = 5 * tokens.PIECE_CHARS
    cuts = 24

    assert words <= tokens.estimate_text("cats " * words) <= words + cuts


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        (TextPart("the cat sat"), 3),
        (RefusalPart("no"), 1),
        (ImagePart("data:image/png;base64," + "A" * 10_000), tokens.IMAGE_TOKENS),
        (FilePart(url="https://a/b.pdf"), tokens.FILE_TOKENS),
        (ToolCallPart("id", "look", '{"a":1}'), 4 + 1 + 6),
        (ToolResultPart("id", (TextPart("the cat"), ImagePart("u"))), 4 + 2 + tokens.IMAGE_TOKENS),
        (AudioPart(data="A" * 128_000, format="wav"), 4 + 30),
        (AudioPart(audio_id="audio_1", transcript="the cat"), 4 + 2),
    ],
)
def test_counts_every_kind_of_part(part: Part, expected: int) -> None:
    assert tokens.estimate_part(part) == expected


def test_adds_what_vendors_charge_for_each_message() -> None:
    message = Message(Role.USER, (TextPart("the cat"), TextPart("sat")), name="ann")

    assert tokens.estimate_message(message) == 4 + 1 + 3
    assert tokens.estimate_messages((message, message)) == 4 + 16


WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"temperature": 0.5}, 0),
        ({"tools": []}, 0),
        # Words, and a run of quotes and braces as one token: the same JSON is 76 as a plain text.
        ({"tools": [WEATHER]}, 42),
        ({"functions": [WEATHER["function"]]}, 35),
    ],
)
def test_counts_the_schemas_of_tools(options: dict[str, object], expected: int) -> None:
    assert tokens.estimate_declared(options) == expected
