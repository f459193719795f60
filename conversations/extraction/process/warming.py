"""Loads in the server what parsers load when they read their first document: a child can open no file for it."""

import contextlib
import encodings
import importlib
import io
import pkgutil
import zipfile

import pypdf

from conversations.extraction.errors import Unreadable
from conversations.extraction.formats.read import read

_WORDS = "Words that make a sentence, as there are in every article, again and again. " * 5
_HTML = f"<html><head><title>T</title></head><body><article><h1>H</h1><p>{_WORDS}</p></article></body></html>"
_RELATIONSHIPS = (
    '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r" '
    'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" '
    'Target="word/document.xml"/></Relationships>'
)
_DOCUMENT = (
    '<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body><w:p><w:r><w:t>Words'
    "</w:t></w:r></w:p></w:body></w:document>"
)
_OF_WINDOWS = {"mbcs", "oem", "cp65001"}
_CONTENT_TYPES = '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>'


def warm() -> None:
    for module in pkgutil.iter_modules(encodings.__path__):
        if module.name not in _OF_WINDOWS:
            importlib.import_module(f"encodings.{module.name}")
    for data in (_HTML.encode(), b"Words", b"", _docx(), _pdf(), bytes(range(128, 256)) * 4):
        with contextlib.suppress(Unreadable):  # some have no text
            read(data, media_type="", name="")


def _docx() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", _CONTENT_TYPES)
        archive.writestr("_rels/.rels", _RELATIONSHIPS)
        archive.writestr("word/document.xml", _DOCUMENT)
    return file.getvalue()


def _pdf() -> bytes:
    file = io.BytesIO()
    writer = pypdf.PdfWriter()
    writer.add_blank_page(100, 100)
    writer.write(file)
    return file.getvalue()
