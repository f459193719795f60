"""What a log line says of an error, and what it must not."""

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
    """As psycopg raises it for what the server refused."""


def refused() -> None:
    """As Django passes it on."""
    try:
        raise Refusal(QUOTED)
    except psycopg.Error as exc:
        raise DataError(QUOTED) from exc


def broken() -> None:
    """Of our own, on the way from one to the other."""
    try:
        refused()
    except DataError:
        raise RuntimeError("no answer") from ExceptionGroup("two", [ResponseError(f"Command # 1 (XADD {SECRET})")])


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """What a process prints that is set up as all of ours are."""
    before, hook = logging.root.handlers[:], threading.excepthook
    stream, config = io.StringIO(), logging_config("INFO")
    config["handlers"]["stderr"]["stream"] = stream
    logging.config.dictConfig(config)
    yield stream
    logging.root.handlers[:], threading.excepthook = before, hook


@pytest.mark.parametrize("name", ["django.request", "uvicorn.error", "asyncio"])
def test_a_refusal_is_told_by_its_code_alone(lines: io.StringIO, name: str) -> None:
    try:
        refused()
    except DataError as exc:
        logging.getLogger(name).exception("It broke: %r", exc)

    said = lines.getvalue()
    assert SECRET not in said
    assert "It broke: DataError(sqlstate=22P05 constraint=)" in said
    assert "django.db.utils.DataError: (sqlstate=22P05 constraint=)" in said
    assert "Refusal: (sqlstate=22P05 constraint=)" in said
    assert "in refused" in said


def test_nor_do_those_it_came_from_say_more(lines: io.StringIO) -> None:
    try:
        broken()
    except RuntimeError:
        structlog.get_logger("ours").exception("request_broke", trace_id="t-1")

    said = lines.getvalue()
    assert SECRET not in said
    assert "RuntimeError: no answer" in said
    assert "event=request_broke" in said
    assert "trace_id=t-1" in said
    assert "ResponseError: (sqlstate= constraint=)" in said


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_dies_is_logged_like_everything_else(lines: io.StringIO) -> None:
    thread = threading.Thread(target=refused, name="some-thread")

    thread.start()
    thread.join()

    said = lines.getvalue()
    assert SECRET not in said
    assert "event=thread_died" in said
    assert "thread=some-thread" in said


def test_a_task_that_breaks_is_told_without_what_the_database_quoted(lines: io.StringIO) -> None:
    app = Celery("test", set_as_current=False)
    app.conf.task_ignore_result = True
    task = app.task(name="breaks")(refused)

    task.apply()

    said = lines.getvalue()
    assert "Task breaks" in said
    assert SECRET not in said


@pytest.mark.parametrize(
    ("level", "ours", "theirs"),
    [("DEBUG", "DEBUG", "INFO"), ("INFO", "INFO", "INFO"), ("ERROR", "ERROR", "ERROR")],
)
def test_only_our_own_loggers_go_below_info(level: str, ours: str, theirs: str) -> None:
    config = logging_config(level)

    assert {config["loggers"][name]["level"] for name in ("conversations", "project", "providers")} == {ours}
    assert config["root"]["level"] == theirs
