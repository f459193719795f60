"""A client of `/aichat/conversations`, and access to the rows that the service stored."""

import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self, TypeVar

import orjson
import psycopg
import requests
from psycopg.rows import dict_row

from tests.fakes.upstream import PATIENCE_SECONDS
from tests.journeys.service import ROOT, Service

PATH = "/aichat/conversations"
NDJSON = "application/x-ndjson"
SSE = "text/event-stream"
MODEL = "gpt-4o-mini"
TIMEOUT_SECONDS = 60.0
# After so much silence a reader asks by itself; who gets something sooner was notified.
SILENCE_SECONDS = 10.0
# The tables that a refused turn must leave unchanged.
TURN_TABLES = ("conversation", "message", "run", "runattempt", "reference")

Json = dict[str, Any]
Seen = TypeVar("Seen")


@dataclass(frozen=True, slots=True)
class Api:
    """A client with the key of one account."""

    base_url: str
    key: str

    @property
    def url(self) -> str:
        return self.base_url + PATH

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}

    def post(
        self, body: Any, *, accept: str = "", headers: Mapping[str, str] | None = None, stream: bool = False
    ) -> requests.Response:
        """`body` is sent as JSON, or as it is when it is bytes or a stream of them."""
        data = orjson.dumps(body) if isinstance(body, dict | list | str | int | None) else body
        sent = {**self.headers, **({"Accept": accept} if accept else {}), **(headers or {})}
        return requests.post(self.url, data=data, headers=sent, timeout=TIMEOUT_SECONDS, stream=stream)

    def ask(self, question: str, *, accept: str = "", stream: bool = False, **fields: Any) -> requests.Response:
        return self.post({"model": MODEL, "question": question, **fields}, accept=accept, stream=stream)

    def answer(self, question: str, **fields: Any) -> Json:
        """The JSON answer of a turn that succeeds."""
        response = self.ask(question, **fields)
        assert response.status_code == 200, response.text
        return dict(response.json())

    def lines(self, question: str, **fields: Any) -> list[Json]:
        """The NDJSON answer's lines."""
        response = self.ask(question, accept=NDJSON, **fields)
        assert response.status_code == 200, response.text
        assert response.content.endswith(b"\r\n")
        return [orjson.loads(line) for line in response.content.removesuffix(b"\r\n").split(b"\r\n")]


def refusal(response: requests.Response) -> tuple[int, str, str]:
    """Status, code and message of an error in the family's one shape."""
    assert response.headers["content-type"] == "application/json"
    body = response.json()
    assert body.keys() == {"error", "trace_id"}
    assert body["error"].keys() == {"code", "message"}
    assert str(uuid.UUID(body["trace_id"])) == body["trace_id"]
    assert body["error"]["message"]
    return response.status_code, body["error"]["code"], body["error"]["message"]


def new_id() -> str:
    return f"thread-{uuid.uuid4().hex[:12]}"


def user(content: Any) -> Json:
    return {"role": "user", "content": content}


def assistant(content: str) -> Json:
    return {"role": "assistant", "content": content}


def system(content: str) -> Json:
    return {"role": "system", "content": content}


class Rows:
    """The service's own tables. A test looks here only for what no user can see from outside."""

    def __init__(self, database_url: str) -> None:
        self._connection = psycopg.connect(database_url, autocommit=True, row_factory=dict_row)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._connection.close()

    def all(self, sql: str, *parameters: Any) -> list[Json]:
        return self._connection.execute(sql, parameters).fetchall()

    def change(self, sql: str, *parameters: Any) -> int:
        return self._connection.execute(sql, parameters).rowcount

    def counts(self) -> dict[str, int]:
        return {table: self.all(f"SELECT count(*) AS n FROM conversations_{table}")[0]["n"] for table in TURN_TABLES}

    def run(self, response: requests.Response) -> Json:
        """The run that a response belongs to."""
        (run,) = self.all("SELECT * FROM conversations_run WHERE public_id = %s", response.headers["X-Run-Id"])
        return run

    def ended(self, response: requests.Response) -> Json:
        """The run of a response, once it has ended."""
        return eventually(lambda: self.run(response), lambda run: run["finished_at"] is not None)

    def conversations(self, public_id: str) -> list[Json]:
        return self.all("SELECT * FROM conversations_conversation WHERE public_id = %s ORDER BY id", public_id)


def eventually(read: Callable[[], Seen], is_done: Callable[[Seen], bool], *, within: float = PATIENCE_SECONDS) -> Seen:
    """What `read` returns, as soon as `is_done` accepts it."""
    deadline = time.monotonic() + within
    while not is_done(seen := read()):
        assert time.monotonic() < deadline, f"Still {seen!r} after {within} s"
        time.sleep(0.02)
    return seen


def manage(service: Service, *args: str) -> str:
    """What `manage.py` of the service prints."""
    command = [sys.executable, str(ROOT / "manage.py"), *args]
    done = subprocess.run(command, env=service.env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def in_shell(service: Service, code: str) -> str:
    """Run code inside the service's Django, for what has no API."""
    return manage(service, "shell", "--no-imports", "--command", code)
