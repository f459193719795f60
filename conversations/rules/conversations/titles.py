"""What a list says of a conversation: the first words of its first question, and the beginning of its last answer."""

TITLE_CHARS, PREVIEW_CHARS = 60, 160
# A last word that is longer than this is cut in two: Chinese has no spaces, and links have none.
WORD_CHARS = 20
MORE = "…"


def title(question: str) -> str:
    return _beginning(question, most=TITLE_CHARS)


def preview(answer: str) -> str:
    return _beginning(answer, most=PREVIEW_CHARS)


def _beginning(text: str, *, most: int) -> str:
    """In one line, of at most `most` characters, which end with a word where one ends near."""
    line = " ".join(text.split())
    if len(line) <= most:
        return line
    cut = line[: most - len(MORE)]
    words, _, rest = cut.rpartition(" ")
    is_between_words = line[len(cut)] == " "
    return (cut if is_between_words or not words or len(rest) > WORD_CHARS else words).rstrip() + MORE
