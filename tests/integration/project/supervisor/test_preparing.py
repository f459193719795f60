"""The preparation of the database in a child of its own, each test in a parent of its own."""

import subprocess
import sys

import pytest

HEADER = """
import os, signal, sys, time
import django
django.setup()
from conversations.services.accounts.first_start import FirstStart
from project.embedded.errors import CannotStart
from project.supervisor.children.output import Output
from project.supervisor.children.preparing import Preparing
from project.supervisor.signals import StopSignals
from project.supervisor.supervise import Supervisor

signals = StopSignals()
signals.install()
supervisor = Supervisor(output=Output(fd=1, width=6), signals=signals)
MADE = FirstStart(api_key="sk-made", admin_password=None)

def fail():
    raise CannotStart("in one line")

def die():
    os.kill(os.getpid(), signal.SIGKILL)

def hang():
    time.sleep(600)
"""


def python(script: str) -> str:
    """What the script prints."""
    done = subprocess.run(
        [sys.executable, "-c", HEADER + script], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout


def test_returns_what_was_made_in_a_process_of_its_own() -> None:
    script = """
with Preparing(lambda: FirstStart(api_key=str(os.getpid()), admin_password=None)) as preparing:
    made = preparing.result(supervisor)
print(made.admin_password, int(made.api_key) != os.getpid())
"""

    assert python(script) == "None True\n"


@pytest.mark.parametrize(("prepare", "words"), [("fail", "in one line"), ("die", "The database was not prepared")])
def test_passes_on_why_the_service_cannot_start(prepare: str, words: str) -> None:
    script = f"""
try:
    with Preparing({prepare}) as preparing:
        preparing.result(supervisor)
except CannotStart as exc:
    print(exc)
"""

    assert python(script).startswith(words)


def test_is_interrupted_by_a_request_to_stop() -> None:
    script = """
try:
    with Preparing(hang) as preparing:
        os.kill(os.getpid(), signal.SIGTERM)
        preparing.result(supervisor)
except KeyboardInterrupt:
    print("interrupted")
"""

    assert python(script) == "interrupted\n"


def test_shows_what_was_made_when_the_request_to_stop_came_too_late() -> None:
    """It is stored, and only its hash: it could not be shown again."""
    script = """
def late():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.kill(os.getppid(), signal.SIGTERM)
    time.sleep(0.2)
    return MADE

try:
    with Preparing(late) as preparing:
        preparing.result(supervisor)
except KeyboardInterrupt:
    supervisor.stop(drain_seconds=0.0)
"""

    assert python(script) == "  API key  sk-made  (shown this once)\n"
