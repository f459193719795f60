"""What is asked in a turn, as a text to look things up by: never what the caller gave as material beside it.

An engine is somebody else's, and that may be a private letter.
"""

from collections.abc import Sequence

from conversations.rules.conversations import reference_texts
from providers.messages import Message, Role, TextPart

# The least that engines take: Brave's limits, of which the first is Tavily's too (docs/search.md).
SEARCH_MAX_CHARS = 400
SEARCH_MAX_WORDS = 50
# "And how many people lived there in 2023?" says little alone. A character that is wide says as much as two.
SHORT_CHARS = 40
WIDE = "\u2e80"
_MARKS = ("?", "？")


def of(messages: Sequence[Message]) -> str:
    """The last question: of its texts the first that holds a question mark, else the first. "" for none."""
    return next((said for message in reversed(messages) if (said := _said(message))), "")


def for_search(messages: Sequence[Message]) -> str:
    """The last question, as an engine takes it.

    Of a long text it is the first short paragraph that ends with a question mark, else the beginning.
    """
    asked = of(messages)
    if len(asked) > SEARCH_MAX_CHARS:
        paragraphs = (line.strip() for line in asked.splitlines())
        asked = next((line for line in paragraphs if line.endswith(_MARKS) and len(line) <= SEARCH_MAX_CHARS), asked)
    words = asked[:SEARCH_MAX_CHARS].split()
    return " ".join(words[:SEARCH_MAX_WORDS])


def for_knowledge(messages: Sequence[Message], *, before: Sequence[Message]) -> str:
    """The last question, and where it is short the one before it too. `before`: the history, oldest first."""
    asked = of(messages)
    if not asked or len(asked) + sum(character >= WIDE for character in asked) > SHORT_CHARS:
        return asked
    questions = [said for message in (*before, *messages) if (said := _said(message))]
    return "\n".join(questions[-2:])


def _said(message: Message) -> str:
    if message.role is not Role.USER:
        return ""
    given = [part.text for part in message.parts if isinstance(part, TextPart) and part.text.strip()]
    texts = [text.strip() for text in given if not reference_texts.is_framed(text)]
    return next((text for text in texts if any(mark in text for mark in _MARKS)), texts[0] if texts else "")
