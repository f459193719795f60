"""What a question has at least is never more than vendors count."""

import pytest

from conversations.rules.question_size import least_tokens
from conversations.values.requests import Operation, RunRequest
from providers.messages import ImagePart, Message, Role, TextPart


def chat(*parts: TextPart | ImagePart) -> RunRequest:
    message = Message(role=Role.USER, parts=parts)
    return RunRequest(dialect="openai", model="m", messages=(message,), conversation_id="c", is_stored=False)


@pytest.mark.parametrize(
    ("text", "about"),
    [
        # Rough: a word of English, 1.5 characters of Chinese, 3 of Arabic or of code are a token.
        ("one two three four " * 1_000, 4_001),
        ("今天天气很好，我们去公园散步吧。" * 100, 1_100),
        ("مرحبا بالعالم كيف حالك اليوم " * 100, 900),
        ("for i in range(10):\n    print(i)\n" * 100, 1_200),
    ],
    ids=["English", "Chinese", "Arabic", "code"],
)
def test_a_text_has_no_more_than_a_vendor_counts(text: str, about: int) -> None:
    assert 0 < least_tokens(chat(TextPart(text))) <= about


def test_what_an_image_has_is_not_known() -> None:
    assert least_tokens(chat(ImagePart(url="data:image/png;base64," + "A" * 1_000_000))) == 0


def test_an_english_question_of_twice_a_limit_is_above_it() -> None:
    """200,000 tokens, where 100,000 are allowed."""
    assert least_tokens(chat(TextPart("one two three four " * 50_000))) > 100_000


@pytest.mark.parametrize(("prompt", "least"), [(["Hi " * 400], 240), ([[1] * 500], 400)], ids=["text", "tokens"])
def test_other_operations_have_their_prompts(prompt: list[str | list[int]], least: int) -> None:
    request = RunRequest(
        dialect="openai",
        model="m",
        messages=(),
        conversation_id="c",
        is_stored=False,
        operation=Operation.EMBEDDING,
        prompt=prompt,
    )

    assert least_tokens(request) == pytest.approx(least, abs=100)
