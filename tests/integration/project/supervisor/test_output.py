"""The one writer of everything the service prints."""

import os
import pty
import time
from collections.abc import Iterator

import pytest

from project.supervisor.children import output
from project.supervisor.children.output import LineReader, Output


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    fds = os.pipe()
    yield fds
    for fd in fds:
        os.close(fd)


def test_each_line_names_its_process(pipe: tuple[int, int]) -> None:
    writer = Output(fd=pipe[1], width=9)

    writer.line("web", b"hello")
    writer.line("postgres", "你好".encode())
    writer.block("paste me")
    writer.flush()

    assert os.read(pipe[0], 1000).decode() == "web      | hello\npostgres | 你好\npaste me\n"


def test_uses_colours_only_on_a_terminal() -> None:
    terminal, its_end = pty.openpty()
    writer = Output(fd=its_end, width=4)

    writer.line("web", b"hello")
    writer.flush()

    said = b""
    # A terminal may return a part of what was written.
    while not said.endswith(b"\n"):
        said += os.read(terminal, 1000)
    os.close(terminal)
    os.close(its_end)
    assert said == b"\x1b[36mweb | \x1b[0mhello\r\n"


def test_does_not_wait_for_a_reader_that_stalls(pipe: tuple[int, int]) -> None:
    writer = Output(fd=pipe[1], width=4)

    began = time.monotonic()
    for _ in range(200):
        writer.line("web", b"x" * 50_000)
        writer.flush()

    assert time.monotonic() - began < 30.0
    assert writer.is_waiting


def test_says_how_many_lines_a_returning_reader_missed(pipe: tuple[int, int]) -> None:
    writer = Output(fd=pipe[1], width=4)
    for _ in range(output.MAX_WAITING_BYTES // 50_000 + 10):
        writer.line("web", b"x" * 50_000)
    os.set_blocking(pipe[0], False)

    said = bytearray()
    while writer.is_waiting:
        writer.flush()
        said += os.read(pipe[0], 1_000_000)
    writer.line("web", b"and on")
    writer.flush()
    said += os.read(pipe[0], 1_000_000)

    *_, missed, last = bytes(said).splitlines()
    assert missed == b"... 10 lines dropped: nobody was reading"
    assert last == b"web | and on"


def test_continues_when_the_output_is_closed() -> None:
    read_fd, write_fd = os.pipe()
    writer = Output(fd=write_fd, width=4)
    os.close(read_fd)

    writer.line("web", b"hello")
    writer.flush()

    os.close(write_fd)
    assert not writer.is_waiting


def test_reads_whole_lines_however_they_arrive() -> None:
    read_fd, write_fd = os.pipe()
    reader = LineReader(read_fd)
    heard: list[bytes] = []

    for piece in (b"on", b"e\ntwo\r\nthr", b"ee\n", b"the rest"):
        os.write(write_fd, piece)
        heard += reader.read() or []
    os.close(write_fd)
    heard += reader.read() or []

    assert reader.read() is None
    os.close(read_fd)
    assert heard == [b"one", b"two", b"three", b"the rest"]


def test_cuts_a_line_that_never_ends(pipe: tuple[int, int]) -> None:
    reader = LineReader(pipe[0])
    heard: list[bytes] = []

    for _ in range(3):
        os.write(pipe[1], b"x" * 30_000)
        heard += reader.read() or []

    assert [len(line) for line in heard] == [90_000]
