"""Whether `content` is base64 (docs/contract D.5). No flag says so, so a plain word must survive.

Each condition has its reason in the figures of the contract: what it lets through was measured on code, and on
questions in Chinese and English (`tests/unit/conversations/dialects/yuju/chat/test_base64_content.py`).
"""

import re
from base64 import b64decode, b64encode

SHORTEST = 8
_FORM = re.compile(r"[A-Za-z0-9+/]+={0,2}")
_WORD_OR_NUMBER = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|[0-9]+")
# Tab, CR and LF, printable ASCII; hangul, general punctuation without its separators, CJK with its punctuation, kana
# and radicals, full-width forms; emoji with what joins and colours them.
_READABLE = re.compile(
    "[\t\r\n\x20-\x7e"
    "\u1100-\u11ff\u2010-\u2027\u2030-\u205e\u2e80-\u2fdf\u3000-\u30ff\u3130-\u318f\u31f0-\u31ff\u3400-\u4dbf"
    "\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe4f\uff01-\uff9f\uffe0-\uffe6\U00020000-\U0003134f"
    "\u200d\u20e3\u2194-\u21aa\u231a-\u23fa\u25aa-\u27bf\u2b05-\u2b55\ufe0f\U0001f000-\U0001faff]+"
)
_BEYOND_LETTERS = re.compile(r"[=+/]")


def decoded(content: str) -> str:
    """The text that `content` is the base64 of, or `content` itself."""
    given = content.strip()
    if len(given) < SHORTEST or len(given) % 4 or not _FORM.fullmatch(given) or _WORD_OR_NUMBER.fullmatch(given):
        return content
    data = b64decode(given)
    # Some other texts decode to the same bytes: they were not made by an encoder.
    if b64encode(data).decode() != given:
        return content
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return content
    return text if _READABLE.fullmatch(text) and _looks_encoded(given, text) else content


def _looks_encoded(given: str, text: str) -> bool:
    if _BEYOND_LETTERS.search(given) or not text.isascii() or any(char.isspace() for char in text):
        return True
    has_digit, has_lower = any(char.isdigit() for char in given), any(char.islower() for char in given)
    return has_digit and has_lower and any(char.isupper() for char in given)
