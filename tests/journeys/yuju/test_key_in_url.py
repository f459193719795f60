"""Journey: the key is in the URL, and yet in no log line, no file and no row, whatever becomes of the request."""

import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
import requests

from tests.fakes.receiver import Receiver
from tests.fakes.replies import fails, says
from tests.fakes.upstream import FakeUpstream
from tests.journeys.clients.aichat import new_id
from tests.journeys.clients.yuju import PATH, Yuju, refusal
from tests.journeys.conftest import VENDOR_KEY
from tests.journeys.rows import Rows
from tests.journeys.service import Service

MODEL = "gpt-4o-mini"
WRONG = "sk-wrong-key-that-nobody-has-0123456789abcdefghi"
AWAY, BACK = "ALTER TABLE {0} RENAME TO {0}_away", "ALTER TABLE {0}_away RENAME TO {0}"


@pytest.fixture(scope="module", params=["INFO", "DEBUG"])
def own_service(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, vendor: FakeUpstream
) -> Iterator[Service]:
    env = {
        "LOG_LEVEL": request.param,
        "OPENAI_API_KEY": VENDOR_KEY,
        "OPENAI_BASE_URL": vendor.base_url,
        "OUTBOUND_ALLOW": "127.0.0.0/8",
        "MAX_BODY_BYTES": "1000000",
    }
    with Service(data_dir=tmp_path_factory.mktemp("secret") / "var", env=env) as running:
        yield running


def say(service: Service, raw: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", service.port), timeout=30) as connection:
        connection.sendall(raw)
        return connection.recv(65536)


def files(service: Service) -> Iterator[Path]:
    """Its log, and what it keeps outside the database."""
    yield service.log_path
    for path in service.data_dir.rglob("*"):
        if path.is_file() and "base" not in path.parts and "pg_wal" not in path.parts:
            yield path


def rows_with(rows: Rows, text: str) -> list[str]:
    tables = rows.all("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    return [
        table["tablename"]
        for table in tables
        if rows.all(f'SELECT 1 FROM "{table["tablename"]}" AS t WHERE strpos(t::text, %s) > 0 LIMIT 1', text)
    ]


def test_a_callback_with_the_key_in_its_url_is_refused(own_service: Service, receiver: Receiver) -> None:
    yuju = Yuju(own_service.base_url, own_service.create_key(new_id()))
    escaped = quote(yuju.key.replace("-", "%2D"), safe="%")

    for key in (yuju.key, escaped):
        assert refusal(yuju.ask("Hi", callback_url=f"{receiver.url}?apiKey={key}"))[0] == 400


def test_the_key_is_written_nowhere(
    own_service: Service, own_rows: Rows, upstream: FakeUpstream, receiver: Receiver
) -> None:
    yuju = Yuju(own_service.base_url, own_service.create_key(new_id()))
    upstream.script(says("好"), says("好"), fails(500), fails(500), fails(500), says("好"))
    query, body = f"apiKey={yuju.key}", b'{"content":"Hi"}'

    assert yuju.ask("Hi", chatMode=MODEL).status_code == 200
    assert yuju.ask("Hi", chatMode=MODEL, stream=True).status_code == 200
    assert yuju.ask("Hi", chatMode=MODEL).status_code == 500
    assert yuju.ask("Hi", callback_url=receiver.url).status_code == 200
    receiver.wait(1)
    assert yuju.post(b"{").status_code == 400
    assert yuju.post(b" " * 2_000_000).status_code == 413
    assert requests.get(f"{yuju.url()}?{query}", timeout=30).status_code == 405
    assert requests.post(f"{yuju.url('/v1/openapi/nothing')}?{query}", timeout=30).status_code == 404
    assert requests.post(f"{yuju.url('/v1/nothing')}?{query}", timeout=30).status_code == 404
    assert requests.get(f"{yuju.url('/admin/')}?{query}", timeout=30).status_code == 200
    assert requests.post(f"{yuju.url()}?{query}{'&a=1' * 2000}", data=body, timeout=30).status_code == 400
    assert requests.post(f"{yuju.url()}?{query}", headers={"Host": "evil.example"}, timeout=30).status_code == 400
    assert requests.post(f"{yuju.url()}?apiKey={WRONG}", data=body, timeout=30).status_code == 401
    assert b" 400 " in say(own_service, f"POST {PATH}?{query} HTTP/1.1\r\nContent-Length: x\r\n\r\n".encode())
    assert b" 400 " in say(own_service, f"POST {PATH}?{query}\x01 HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    # A mistake of ours, with a traceback.
    own_rows.change(AWAY.format("conversations_assistant"))
    try:
        assert refusal(yuju.ask("Hi"))[0] == 500
    finally:
        own_rows.change(BACK.format("conversations_assistant"))

    assert "row_refused" in own_service.log
    for key in (yuju.key, WRONG):
        assert [path.name for path in files(own_service) if key.encode() in path.read_bytes()] == []
        assert rows_with(own_rows, key) == []
