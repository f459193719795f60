"""The process that documents are read in: what it may use, and what happens when it is killed."""

import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from conversations.extraction.client import Extraction
from conversations.extraction.errors import Unreadable
from conversations.extraction.process.limits import Limits
from tests.fakes import documents
from tests.integration.conversations.extraction.conftest import NO_FILES, Make, children_of, is_alive, the_child_of
from tests.waiting import eventually

# Many seconds of CPU time: every link is looked at again and again.
SLOW = b"<html><body>" + b"<div><a href=x>y y y y</a></div>" * 50_000
ASKER = """
import sys
from conversations.extraction.client import Extraction
from conversations.extraction.process.limits import Limits
from conversations.extraction.remote import Remote
extraction = Extraction(Remote(Limits()))
extraction.extract(b"x", media_type="", name="")
print(extraction.remote.pid, flush=True)
extraction.extract(sys.stdin.buffer.read(), media_type="", name="")
"""
# A process of one thread that asks for a user and a network namespace.
UNSHARE = "import ctypes, sys; sys.exit(ctypes.CDLL(None).unshare(0x50000000) != 0)"


class Reading:
    """A document that is read in another thread."""

    def __init__(self, extraction: Extraction, document: bytes, *, owner: int | None = None) -> None:
        self.text: str | None = None
        self.refusal: Unreadable | None = None
        self._thread = threading.Thread(target=self._read, args=(extraction, document, owner))
        self._thread.start()

    def wait(self) -> None:
        self._thread.join()

    def _read(self, extraction: Extraction, document: bytes, owner: int | None) -> None:
        try:
            self.text = extraction.extract(document, media_type="", name="", owner=owner).text
        except Unreadable as exc:
            self.refusal = exc


def text_of(extraction: Extraction, document: bytes) -> str:
    return extraction.extract(document, media_type="", name="").text


def refusal(extraction: Extraction, document: bytes) -> Unreadable:
    with pytest.raises(Unreadable) as refused:
        text_of(extraction, document)
    return refused.value


def test_a_document_that_takes_too_much_cpu_time_is_refused_and_the_next_is_read(make: Make) -> None:
    extraction = make(Limits(cpu_seconds=1))

    assert refusal(extraction, SLOW).reason == "too_slow"
    assert text_of(extraction, b"next") == "next"


def test_a_document_that_takes_too_much_memory_is_refused_and_the_next_is_read(make: Make) -> None:
    extraction = make(Limits(memory_bytes=32 * 1024 * 1024))
    many_paragraphs = documents.docx(documents.paragraph("words") * 40_000)

    assert refusal(extraction, many_paragraphs).reason == "too_large"
    assert text_of(extraction, b"next") == "next"


def test_a_child_that_gets_no_time_is_ended_and_may_be_tried_again(make: Make) -> None:
    extraction = make(Limits(wall_seconds=3.0))
    reading = Reading(extraction, SLOW)
    os.kill(the_child_of(extraction), signal.SIGSTOP)

    reading.wait()

    assert reading.refusal is not None
    assert (reading.refusal.reason, reading.refusal.retryable) == ("busy", True)
    assert children_of(extraction.remote.pid) == []


def test_a_child_that_is_killed_says_nothing_about_its_document(make: Make) -> None:
    extraction = make()
    reading = Reading(extraction, SLOW)
    os.kill(the_child_of(extraction), signal.SIGKILL)

    reading.wait()

    assert reading.refusal is not None
    assert (reading.refusal.reason, reading.refusal.retryable) == ("interrupted", True)
    assert text_of(extraction, b"next") == "next"


def test_a_server_that_is_killed_is_started_anew_with_the_same_document(make: Make) -> None:
    extraction = make()
    reading = Reading(extraction, SLOW[: len(SLOW) // 4])
    child, server = the_child_of(extraction), extraction.remote.pid
    os.kill(child, signal.SIGSTOP)
    os.kill(server, signal.SIGKILL)

    reading.wait()

    assert reading.text is not None
    assert reading.text.startswith("y y y y")
    assert not is_alive(child)
    assert extraction.remote.pid != server


def test_a_server_without_documents_ends_and_the_next_one_starts_it_again(make: Make) -> None:
    extraction = make(idle_seconds=0.05)
    text_of(extraction, b"one")
    first = extraction.remote.pid
    eventually(lambda: is_alive(first), lambda alive: not alive)

    assert text_of(extraction, b"two") == "two"
    assert extraction.remote.pid != first


def test_the_server_and_its_children_end_with_their_parent() -> None:
    with subprocess.Popen([sys.executable, "-c", ASKER], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as asker:
        assert asker.stdin is not None
        assert asker.stdout is not None
        server = int(asker.stdout.readline())
        asker.stdin.write(SLOW)
        asker.stdin.close()
        child = eventually(lambda: children_of(server), bool)[0]
        asker.kill()

    eventually(lambda: (is_alive(server), is_alive(child)), lambda alive: alive == (False, False))


def test_a_child_has_no_secrets_and_opens_no_file(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "of the service")
    extraction = make()
    reading = Reading(extraction, SLOW)
    child = Path(f"/proc/{the_child_of(extraction)}")

    limits = child.joinpath("limits").read_text()
    environment = child.joinpath("environ").read_bytes()
    files = {os.readlink(file) for file in child.joinpath("fd").iterdir()}
    os.kill(int(child.name), signal.SIGKILL)
    reading.wait()

    assert b"SECRET_KEY" not in environment
    assert files == {"/dev/null", "/memfd:document (deleted)"}
    assert NO_FILES in limits
    assert "Max core file size        0  " in limits


def test_a_child_has_no_rights_and_no_network_of_ours(make: Make) -> None:
    """The network only where the machine gives a process one of its own."""
    allowed = subprocess.run([sys.executable, "-c", UNSHARE], check=False).returncode == 0
    extraction = make()
    reading = Reading(extraction, SLOW)
    child = Path(f"/proc/{the_child_of(extraction)}")

    status = eventually(child.joinpath("status").read_text, lambda status: "NoNewPrivs:\t1" in status)
    network, ours = os.readlink(child / "ns" / "net"), os.readlink("/proc/self/ns/net")
    os.kill(int(child.name), signal.SIGKILL)
    reading.wait()

    assert re.findall(r"^Cap(?:Prm|Eff|Inh):\t(\w+)$", status, re.MULTILINE) == ["0" * 16] * 3
    assert (network != ours) == allowed


def test_what_nobody_wants_any_more_is_ended(make: Make) -> None:
    extraction, answers = make(), iter((True, True))

    with pytest.raises(Unreadable) as refused:
        extraction.extract(SLOW, media_type="", name="", is_wanted=lambda: next(answers, False))

    assert (refused.value.reason, refused.value.retryable) == ("interrupted", True)
    eventually(lambda: children_of(extraction.remote.pid), lambda children: not children)


def test_a_place_is_not_waited_for_by_what_nobody_wants_any_more(make: Make) -> None:
    extraction = make()
    assert [extraction._shares.begin(1, seconds=0.0) for _ in range(3)] == [True, True, False]

    with pytest.raises(Unreadable) as refused:
        extraction.extract(b"mine", media_type="", name="", owner=1, is_wanted=lambda: False)

    assert (refused.value.reason, refused.value.retryable) == ("busy", True)


def test_documents_of_one_owner_never_hold_up_those_of_another(make: Make) -> None:
    extraction = make(wait_seconds=0.1)
    readings = [Reading(extraction, SLOW, owner=1) for _ in range(2)]
    eventually(lambda: len(children_of(extraction.remote.pid)), lambda children: children == 2)
    for child in children_of(extraction.remote.pid):
        os.kill(child, signal.SIGSTOP)

    with pytest.raises(Unreadable) as refused:
        extraction.extract(b"mine", media_type="", name="", owner=1)
    found = extraction.extract(b"another's", media_type="", name="", owner=2)
    for child in children_of(extraction.remote.pid):
        os.kill(child, signal.SIGKILL)
    for reading in readings:
        reading.wait()

    assert (refused.value.reason, refused.value.retryable) == ("busy", True)
    assert found.text == "another's"
