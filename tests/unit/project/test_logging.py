"""What a log line may contain of an error."""

import io
import logging
import logging.config
import threading
from collections.abc import Iterator

import psycopg
import pytest
import structlog
from celery import Celery
from django.db import DataError
from redis.exceptions import ResponseError

from project.logging import logging_config

SECRET = "what the customer asked"
QUOTED = f'unsupported Unicode escape sequence\nDETAIL:  \\u0000\nCONTEXT:  JSON data, line 1: {{"text": "{SECRET}"'


class Refusal(psycopg.errors.UntranslatableCharacter):
    """psycopg's error for a row that the server refused."""


def refused() -> None:
    """Django's error for it."""
    try:
        raise Refusal(QUOTED)
    except psycopg.Error as exc:
        raise DataError(QUOTED) from exc


def broken() -> None:
    """An error of our own, with store errors as its cause and its context."""
    try:
        refused()
    except DataError:
        raise RuntimeError("no answer") from ExceptionGroup("two", [ResponseError(f"Command # 1 (XADD {SECRET})")])


@pytest.fixture(autouse=True)
def _restore_configuration() -> Iterator[None]:
    """`logging_config` configures structlog, which other tests capture from."""
    handlers, hook, configuration = logging.root.handlers[:], threading.excepthook, structlog.get_config()
    yield
    logging.root.handlers[:], threading.excepthook = handlers, hook
    structlog.configure(**configuration)


@pytest.fixture
def lines() -> io.StringIO:
    """What a process prints that is configured as all of ours are."""
    stream, config = io.StringIO(), logging_config("INFO")
    config["handlers"]["stderr"]["stream"] = stream
    logging.config.dictConfig(config)
    return stream


@pytest.mark.parametrize("name", ["django.request", "uvicorn.error", "asyncio"])
def test_a_database_error_is_logged_by_its_code_alone(lines: io.StringIO, name: str) -> None:
    try:
        refused()
    except DataError as exc:
        logging.getLogger(name).exception("It broke: %r", exc)

    written = lines.getvalue()
    assert SECRET not in written
    assert "It broke: DataError(sqlstate=22P05 constraint=)" in written
    assert "django.db.utils.DataError: (sqlstate=22P05 constraint=)" in written
    assert "Refusal: (sqlstate=22P05 constraint=)" in written
    assert "in refused" in written


def test_the_causes_of_an_error_are_logged_without_their_texts(lines: io.StringIO) -> None:
    try:
        broken()
    except RuntimeError:
        structlog.get_logger("ours").exception("request_broke", trace_id="t-1")

    written = lines.getvalue()
    assert SECRET not in written
    assert "RuntimeError: no answer" in written
    assert "event=request_broke" in written
    assert "trace_id=t-1" in written
    assert "ResponseError: (sqlstate= constraint=)" in written


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_dies_is_logged_like_everything_else(lines: io.StringIO) -> None:
    thread = threading.Thread(target=refused, name="some-thread")

    thread.start()
    thread.join()

    written = lines.getvalue()
    assert SECRET not in written
    assert "event=thread_died" in written
    assert "thread=some-thread" in written


def test_a_task_that_breaks_is_logged_without_what_the_database_quoted(lines: io.StringIO) -> None:
    app = Celery("test", set_as_current=False)
    app.conf.task_ignore_result = True
    task = app.task(name="breaks")(refused)

    task.apply()

    written = lines.getvalue()
    assert "Task breaks" in written
    assert SECRET not in written


@pytest.mark.parametrize(
    ("level", "ours", "theirs"),
    [("DEBUG", "DEBUG", "INFO"), ("INFO", "INFO", "INFO"), ("ERROR", "ERROR", "ERROR")],
)
def test_only_our_own_loggers_go_below_info(level: str, ours: str, theirs: str) -> None:
    config = logging_config(level)

    assert {config["loggers"][name]["level"] for name in ("conversations", "project", "providers")} == {ours}
    assert config["root"]["level"] == theirs
