"""All text of HTML, by events and without a tree: any depth and any size in memory that grows with the text alone."""

from lxml import etree

from conversations.extraction import cleaning

_PIECE_BYTES = 65_536
_HIDDEN = frozenset(
    {"script", "style", "noscript", "template", "svg", "math", "iframe", "object", "select", "textarea"}
)
_BLOCKS = frozenset({
    "address", "article", "aside", "blockquote", "body", "br", "dd", "div", "dl", "dt", "fieldset", "figcaption",
    "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "head", "header", "hr", "li", "main", "nav", "ol",
    "p", "pre", "section", "table", "tbody", "thead", "tr", "ul", "option", "summary", "details",
})  # fmt: skip
_PARAGRAPHS = frozenset({"p", "table", "ul", "ol", "pre", "blockquote", "h1", "h2", "h3", "h4", "h5", "h6"})
_HEADINGS = {f"h{level}": "#" * level + " " for level in range(1, 7)}
_CELLS = frozenset({"td", "th"})
_ROWS = frozenset({"table", "tbody", "thead", "tr"})


class _Words:
    """A target of lxml's parser."""

    def __init__(self) -> None:
        self.title = ""
        self._pieces: list[str] = []
        self._characters = 0
        self._hidden: str | None = None
        self._hidden_depth = 0
        self._in_title = False
        self._preformatted = 0
        self._cells = 0

    def start(self, tag: object, attributes: object) -> None:
        if self._hidden:
            self._hidden_depth += tag == self._hidden
        elif tag in _HIDDEN:
            self._hidden, self._hidden_depth = str(tag), 1
        elif tag == "title":
            self._in_title = not self.title
        else:
            self._break(tag)
            self._preformatted += tag == "pre"
            if tag in _CELLS:
                self._cells += 1
                self._put("| ")
            elif tag == "li":
                self._put("- ")
            elif tag in _HEADINGS:
                self._put(_HEADINGS[str(tag)])

    def end(self, tag: object) -> None:
        if self._hidden:
            self._hidden_depth -= tag == self._hidden
            if self._hidden_depth == 0:
                self._hidden = None
        elif tag == "title":
            self._in_title = False
        elif tag in _CELLS:
            self._cells = max(0, self._cells - 1)
            self._put(" ")
        else:
            self._preformatted -= tag == "pre" and self._preformatted > 0
            self._break(tag)

    def data(self, data: str) -> None:
        if self._in_title:
            self.title = (self.title + data)[:1000]
        elif not self._hidden:
            self._put(data if self._preformatted else _with_single_spaces(data))

    def close(self) -> str:
        return cleaning.prose("".join(self._pieces))

    def _break(self, tag: object) -> None:
        if tag not in _BLOCKS:
            return
        if self._cells and tag not in _ROWS:
            self._put(" ")  # a cell is one line, whatever paragraphs it has
        else:
            self._put("\n\n" if tag in _PARAGRAPHS else "\n")

    def _put(self, piece: str) -> None:
        """After a new line nothing but a longer one, until there are words; and no space after a space."""
        last = self._pieces[-1] if self._pieces else "\n"
        if last.endswith("\n") and piece.isspace():
            if piece == "\n\n" and self._pieces:
                self._pieces[-1] = piece
            return
        if last.endswith((" ", "\n")) and not self._preformatted:
            piece = piece.lstrip(" ")
        self._characters += len(piece)
        cleaning.check_length(self._characters)
        self._pieces.append(piece)


def _with_single_spaces(data: str) -> str:
    words = " ".join(data.split())
    if not words:
        return " " if data else ""
    return f"{' ' * data[0].isspace()}{words}{' ' * data[-1].isspace()}"


def words(html: str) -> tuple[str, str]:
    """The text, with marks of Markdown for headings, lists and cells, and the title. Raises Unreadable (too_long)."""
    target = _Words()
    # Without `huge_tree` the parser stops where elements are nested 256 deep.
    parser = etree.HTMLParser(target=target, encoding="utf-8", huge_tree=True, remove_comments=True, remove_pis=True)
    data = html.encode()
    for start in range(0, len(data), _PIECE_BYTES):
        parser.feed(data[start : start + _PIECE_BYTES])
    # A document without any element: libxml2 takes it for an error.
    try:
        text = parser.close()
    except etree.XMLSyntaxError:
        text = target.close()
    return str(text), cleaning.title(target.title)
