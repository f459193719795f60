"""Texts in CSV files that people open in a spreadsheet."""

# A cell that begins with one of these may be taken for a formula, whoever wrote it:
# https://owasp.org/www-community/attacks/CSV_Injection
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def text_cell(text: str) -> str:
    """The text, with an apostrophe in front of what a spreadsheet could run."""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text
