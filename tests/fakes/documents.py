"""Documents as bytes, as small as they can be, and as bad as somebody may make them."""

import io
import zipfile
import zlib
from collections.abc import Mapping, Sequence

import pypdf

HELVETICA = "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"
# Chinese whose codes are UTF-16: readers know the characters from the name of the encoding.
SONG = (
    "<</Type/Font/Subtype/Type0/BaseFont/STSong-Light/Encoding/UniGB-UCS2-H/DescendantFonts[<</Type/Font"
    "/Subtype/CIDFontType0/BaseFont/STSong-Light/CIDSystemInfo<</Registry(Adobe)/Ordering(GB1)/Supplement 4>>"
    "/FontDescriptor<</Type/FontDescriptor/FontName/STSong-Light/Flags 4/Ascent 880/Descent -120/CapHeight 880"
    "/ItalicAngle 0/StemV 90/FontBBox[0 -200 1000 900]>>>>]>>"
)
# Codes of shapes, and nothing that says which characters they are.
SHAPES = SONG.replace("UniGB-UCS2-H", "Identity-H").replace("(GB1)", "(Identity)").replace("STSong-Light", "Shapes")
_W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_RELATIONSHIPS = "http://schemas.openxmlformats.org/package/2006/relationships"
_OFFICE_DOCUMENT = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"


def show(text: str, *, encoding: str = "ascii") -> bytes:
    """The content of a page with one line."""
    return b"BT /F1 12 Tf 50 800 Td <" + text.encode(encoding).hex().encode() + b"> Tj ET"


def zeros(times: int) -> bytes:
    """Deflated: ten megabytes of zeros, so many times. All pieces are the same: none refers to the one before."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    piece = packer.compress(bytes(10_000_000)) + packer.flush(zlib.Z_FULL_FLUSH)
    checksum = times * 10_000_000 % 65_521 << 16 | 1
    return b"\x78\xda" + piece * times + b"\x03\x00" + checksum.to_bytes(4, "big")


def pdf_of_objects(objects: Sequence[str | bytes], *, trailer: str = "") -> bytes:
    """Numbered from 1; the first is the catalogue. Bytes are a whole object too, such as one with a stream."""
    out = bytearray(b"%PDF-1.7\n")
    offsets = []
    for number, content in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n" % number + (content.encode() if isinstance(content, str) else content) + b"\nendobj\n"
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    for offset in offsets:
        out += b"%010d 00000 n \n" % offset
    out += b"trailer<</Size %d/Root 1 0 R%s>>\nstartxref\n%d\n%%%%EOF" % (len(objects) + 1, trailer.encode(), start)
    return bytes(out)


def stream(data: bytes, *, entries: str = "") -> bytes:
    return b"<</Length %d%s>>\nstream\n" % (len(data), entries.encode()) + data + b"\nendstream"


def pdf(*contents: bytes, font: str = HELVETICA, entries: str = "") -> bytes:
    """One page for each content. `entries` are of their streams, such as a filter."""
    kids = " ".join(f"{4 + 2 * page} 0 R" for page in range(len(contents)))
    objects: list[str | bytes] = [
        "<</Type/Catalog/Pages 2 0 R>>",
        f"<</Type/Pages/Count {len(contents)}/Kids[{kids}]>>",
        font,
    ]
    for page, content in enumerate(contents):
        resources = "/Resources<</Font<</F1 3 0 R>>>>"
        objects.append(f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]{resources}/Contents {5 + 2 * page} 0 R>>")
        objects.append(stream(content, entries=entries))
    return pdf_of_objects(objects)


def encrypted(document: bytes, *, password: str) -> bytes:
    """Only the owner needs a password when this one is empty."""
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(document))
    writer.encrypt(user_password=password, owner_password="owner", algorithm="RC4-128")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def archive(files: Mapping[str, str | bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in files.items():
            packed.writestr(name, content)
    return out.getvalue()


def docx(body: str, *, before: str = "", more: Mapping[str, str | bytes] | None = None) -> bytes:
    """`body` is XML (see `paragraph`); `before` comes ahead of the root element; `more` are other parts."""
    relationship = f'<Relationship Id="r" Type="{_OFFICE_DOCUMENT}" Target="word/document.xml"/>'
    return archive({
        "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>',
        "_rels/.rels": f'<Relationships xmlns="{_RELATIONSHIPS}">{relationship}</Relationships>',
        "word/document.xml": f'{before}<w:document xmlns:w="{_W}"><w:body>{body}</w:body></w:document>',
        **(more or {}),
    })  # fmt: skip


def paragraph(text: str, *, style: str = "") -> str:
    properties = f'<w:pPr><w:pStyle w:val="{style}"/></w:pPr>' if style else ""
    return f"<w:p>{properties}<w:r><w:t>{text}</w:t></w:r></w:p>"
