"""How a document and its answer travel: in files without a name, whose descriptors are sent.

A pipe would have to be read and written while the parser runs; a file just lies there, also when the parser dies.
"""

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

# Of the declared type and the name, which callers choose.
MAX_DECLARED_CHARACTERS = 1000


@contextmanager
def nameless() -> Iterator[int]:
    """The descriptor of an empty file: of memory, where the system has those."""
    if hasattr(os, "memfd_create"):
        fd = os.memfd_create("document")
    else:
        with tempfile.TemporaryFile() as file:
            fd = os.dup(file.fileno())
    try:
        yield fd
    finally:
        os.close(fd)


def write_question(fd: int, data: bytes, *, media_type: str, name: str) -> None:
    declared = {"media_type": media_type[:MAX_DECLARED_CHARACTERS], "name": name[-MAX_DECLARED_CHARACTERS:]}
    write(fd, json.dumps(declared).encode() + b"\n")
    write(fd, data)


def read_question(fd: int) -> tuple[bytes, dict[str, str]]:
    line, _, data = read(fd).partition(b"\n")
    return data, json.loads(line)


def write(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def read(fd: int) -> bytes:
    """The whole file, wherever its position is."""
    size = os.fstat(fd).st_size
    pieces = []
    at = 0
    while at < size and (piece := os.pread(fd, size - at, at)):
        pieces.append(piece)
        at += len(piece)
    return b"".join(pieces)
