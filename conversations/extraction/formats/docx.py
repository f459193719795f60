"""DOCX by mammoth, from a copy of the archive that has only the parts which were checked."""

import io
import zipfile
from collections.abc import Iterable
from xml.etree import ElementTree
from xml.parsers import expat

import mammoth

from conversations.extraction import cleaning
from conversations.extraction.detect import Found
from conversations.extraction.errors import Unreadable
from conversations.extraction.extracted import Extracted
from conversations.extraction.formats import markup

MAX_MEMBERS = 10_000
# A page is some 10 KB of XML, and mammoth needs 25 times its length in memory.
MAX_PART_BYTES = 12_000_000
MAX_PARTS_BYTES = 24_000_000
_MAIN_PART = "word/document.xml"
_CORE_PART = "docProps/core.xml"
_TITLE = "{http://purl.org/dc/elements/1.1/}title"
_OTHERS = (
    ("xl/", "It is an Excel workbook. Send it as CSV or PDF."),
    ("ppt/", "It is a PowerPoint presentation. Send it as PDF."),
    ("META-INF/container.xml", "It is an EPUB book. Send it as PDF or text."),
    ("content.xml", "It is an OpenDocument file. Send it as DOCX or PDF."),
)
_DAMAGED = "The DOCX is damaged."
_OUT_OF_MEMORY = expat.errors.codes[expat.errors.XML_ERROR_NO_MEMORY]


class _Doctype(Exception):
    pass


def read(data: bytes, found: Found) -> Extracted:
    """Raises Unreadable."""
    try:
        parts = _parts(data)
    # As zipfile raises for archives that are damaged, encrypted or packed in ways that it does not know.
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError, OSError, ValueError, LookupError) as exc:
        raise Unreadable(_DAMAGED, reason="damaged") from exc
    html = _html(parts)
    text, _ = markup.words(html)
    if not text:
        raise Unreadable("The DOCX has no text.", reason="no_text")
    return Extracted(text=text, title=_title(parts), media_type=found.media_type)


def _parts(data: bytes) -> dict[str, bytes]:
    """The parts of XML by their names. mammoth is given no others, so it cannot be led to any."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = archive.infolist()
        if len(members) > MAX_MEMBERS:
            raise Unreadable(f"The archive has more than {MAX_MEMBERS:,} files.", reason="too_large")
        names = {member.filename for member in members}
        if _MAIN_PART not in names and not any(name.startswith("word/") for name in names):
            message = next((message for start, message in _OTHERS if any(n.startswith(start) for n in names)), None)
            raise Unreadable(message or "It is an archive. Send its files one by one.", reason="unsupported")
        chosen = {member.filename: member for member in members if member.filename.endswith((".xml", ".rels"))}
        _check_sizes(member.file_size for member in chosen.values())
        # zipfile stops at the declared size, and checks the sum: no part is larger than was checked above.
        return {name: _without_doctype(archive.read(member)) for name, member in chosen.items()}


def _check_sizes(sizes: Iterable[int]) -> None:
    total = 0
    for size in sizes:
        total += size
        if size > MAX_PART_BYTES or total > MAX_PARTS_BYTES:
            raise Unreadable(f"The DOCX unpacks to parts of more than {MAX_PART_BYTES:,} bytes.", reason="too_large")


def _without_doctype(part: bytes) -> bytes:
    """DOCX has no document types (ECMA-376 part 2, 8.1.2): only they declare entities."""

    def refuse(*_: object) -> None:
        raise _Doctype

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(part, True)
    except _Doctype:
        raise Unreadable("The DOCX declares a document type, which none may.", reason="damaged") from None
    except expat.ExpatError as exc:
        raise _refusal(exc) from exc
    return part


def _html(parts: dict[str, bytes]) -> str:
    copy = io.BytesIO()
    with zipfile.ZipFile(copy, "w") as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    try:
        return str(mammoth.convert_to_html(copy, convert_image=lambda _: [], external_file_access=False).value)
    except MemoryError:
        raise
    # It raises whatever a damaged document leads to: KeyError, AttributeError, RecursionError, ...
    except Exception as exc:
        raise _refusal(exc) from exc


def _refusal(exc: Exception) -> Exception:
    if isinstance(exc, expat.ExpatError) and exc.code == _OUT_OF_MEMORY:
        return MemoryError()
    return Unreadable(_DAMAGED, reason="damaged")


def _title(parts: dict[str, bytes]) -> str:
    core = parts.get(_CORE_PART)
    # There is no document type in it any more, so nothing can expand.
    return cleaning.title(ElementTree.fromstring(core).findtext(_TITLE)) if core else ""  # noqa: S314
