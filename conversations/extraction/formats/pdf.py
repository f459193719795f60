"""PDF page by page: by pypdf, and by pypdfium2 where that finds no text, or needs too long."""

import io
from collections.abc import Callable, Iterable

import pypdf
import pypdf.errors
import pypdfium2

from conversations.extraction import cleaning
from conversations.extraction.detect import Found
from conversations.extraction.errors import Unreadable
from conversations.extraction.extracted import MAX_PAGES, Extracted
from conversations.extraction.formats import budget

PYPDF_CPU_SECONDS = 10.0
_BETWEEN_PAGES = "\n\n"
# Of the characters that are no space: more of these, and the fonts do not say which characters their shapes are.
_MAX_UNKNOWN = 0.3

# Returns the pages' texts and the title.
Read = Callable[[bytes], tuple[list[str], str]]


def read(data: bytes, found: Found) -> Extracted:
    """Raises Unreadable."""
    refusal = _no_text()
    for with_library in (_by_pypdf, _by_pdfium):
        try:
            pages, title = with_library(data)
        except Unreadable as exc:
            if exc.reason in {"too_long", "too_many_pages"}:
                raise
            refusal = exc
            continue
        if _is_text(pages):
            return _joined(pages, title=title, media_type=found.media_type)
        refusal = _no_text()
    raise refusal


def _no_text() -> Unreadable:
    return Unreadable("The PDF has no text: it may be scanned pages.", reason="no_text")


def _encrypted() -> Unreadable:
    return Unreadable("The PDF is encrypted. Send it without a password.", reason="encrypted")


def _damaged() -> Unreadable:
    return Unreadable("The PDF is damaged.", reason="damaged")


def _by_pypdf(data: bytes) -> tuple[list[str], str]:
    try:
        with budget.of_cpu(PYPDF_CPU_SECONDS):
            reader = pypdf.PdfReader(io.BytesIO(data), strict=False)
            if reader.is_encrypted and not reader.decrypt(""):
                raise _encrypted()
            _check_pages(len(reader.pages))
            pages = _bounded(page.extract_text() for page in reader.pages)
            return pages, cleaning.title(reader.metadata.title if reader.metadata else "")
    except (Unreadable, MemoryError):
        raise
    # It raises whatever a damaged document leads to: KeyError, TypeError, RecursionError, ...
    except (Exception, budget.OutOfTime) as exc:
        raise _damaged() from exc


def _by_pdfium(data: bytes) -> tuple[list[str], str]:
    try:
        document = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as exc:
        raise _encrypted() if exc.err_code == pypdfium2.raw.FPDF_ERR_PASSWORD else _damaged() from exc
    try:
        _check_pages(len(document))
        pages = _bounded(_page_by_pdfium(document, number) for number in range(len(document)))
        return pages, cleaning.title(document.get_metadata_value("Title"))
    except pypdfium2.PdfiumError as exc:
        raise _damaged() from exc


def _page_by_pdfium(document: pypdfium2.PdfDocument, number: int) -> str:
    try:
        page = document[number]
    except pypdfium2.PdfiumError:
        return ""
    try:
        return str(page.get_textpage().get_text_bounded())
    except pypdfium2.PdfiumError:
        return ""
    finally:
        page.close()


def _check_pages(pages: int) -> None:
    if pages > MAX_PAGES:
        raise Unreadable(f"The PDF has more than {MAX_PAGES:,} pages.", reason="too_many_pages")


def _bounded(texts: Iterable[str]) -> list[str]:
    pages: list[str] = []
    characters = 0
    for text in texts:
        pages.append(cleaning.prose(text))
        characters += len(pages[-1]) + len(_BETWEEN_PAGES)
        cleaning.check_length(characters)
    return pages


def _is_text(pages: list[str]) -> bool:
    characters = [character for page in pages for character in page if not character.isspace()]
    unknown = sum(character == "\ufffd" or "\ue000" <= character <= "\uf8ff" for character in characters)
    return bool(characters) and unknown <= _MAX_UNKNOWN * len(characters)


def _joined(pages: list[str], *, title: str, media_type: str) -> Extracted:
    starts = []
    at = 0
    for page in pages:
        starts.append(at)
        at += len(page) + len(_BETWEEN_PAGES)
    return Extracted(text=_BETWEEN_PAGES.join(pages), title=title, page_starts=tuple(starts), media_type=media_type)
