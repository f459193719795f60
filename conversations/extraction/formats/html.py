"""HTML: the article of a page by trafilatura; the whole text of a page in which it finds none."""

import re

import lxml.html
import trafilatura

from conversations.extraction import cleaning
from conversations.extraction.charsets.decode import decode
from conversations.extraction.detect import Found
from conversations.extraction.errors import Unreadable
from conversations.extraction.extracted import Extracted
from conversations.extraction.formats import budget, markup

# trafilatura needs 6 s for a page of 2 MB in 30,000 paragraphs, and longer than its length says for longer ones.
ARTICLE_CHARACTERS = 2_000_000
ARTICLE_CPU_SECONDS = 5.0
# Browsers look at 1,024 bytes; some pages have a long comment first.
_HEAD_BYTES = 4096
_META_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w.:+-]{1,40})", re.IGNORECASE)
_XML_CHARSET = re.compile(rb"<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([\w.:+-]{1,40})", re.IGNORECASE)


def read(data: bytes, found: Found) -> Extracted:
    """Raises Unreadable."""
    html = cleaning.text(decode(data, declared=found.charset or _charset_inside(data)))
    text, title = _article(html)
    if not text:
        text, whole_title = markup.words(html)
        title = title or whole_title
    if not text:
        raise Unreadable("The page has no text: it may be made by scripts.", reason="no_text")
    return Extracted(text=text, title=title, media_type=found.media_type)


def _charset_inside(data: bytes) -> str:
    head = data[:_HEAD_BYTES]
    match = _META_CHARSET.search(head) or _XML_CHARSET.search(head)
    charset = match[1].decode("ascii", "replace") if match else ""
    # It was found by reading ASCII, so it cannot be in UTF-16: such pages were converted and kept their old element.
    return "" if charset.lower().startswith(("utf-16", "utf-32")) else charset


def _article(html: str) -> tuple[str, str]:
    """The text and the title; empty where there is none, and for a page that is too large to look for it."""
    if len(html) > ARTICLE_CHARACTERS:
        return "", ""
    title = ""
    try:
        with budget.of_cpu(ARTICLE_CPU_SECONDS):
            parser = lxml.html.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True, collect_ids=False)
            tree = lxml.html.document_fromstring(html.encode(), parser=parser)
            title = cleaning.title(tree.findtext(".//title"))
            found = trafilatura.extract(
                tree, output_format="markdown", include_comments=False, include_tables=True, favor_recall=True
            )
    # Whatever it stumbles over, the whole text can still be read.
    except (Exception, budget.OutOfTime):  # noqa: BLE001
        return "", title
    return cleaning.prose(found or ""), title
