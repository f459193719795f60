"""The proxy understands its clients however their bytes are split."""

import pytest

from tests.faults.harness.wire_parsers import PostgresParser, ValkeyParser, WireParser

SQL = b"UPDATE run SET status = $1"
STARTUP = b"\0\0\0\x10\0\3\0\0user\0me\0"
PARSE = b"P" + (4 + 3 + len(SQL) + 1 + 2).to_bytes(4) + b"s1\0" + SQL + b"\0\0\0"
BIND = b"B" + (4 + 1 + 3 + 6).to_bytes(4) + b"\0s1\0" + b"\0" * 6
SYNC = b"S\0\0\0\4"
QUERY = b"Q\0\0\0\x0dSELECT 1\0"

LPUSH = b"*3\r\n$5\r\nLPUSH\r\n$4\r\nruns\r\n$6\r\n{\r\n$1}\r\n"
PING = b"*1\r\n$4\r\nPING\r\n"


@pytest.mark.parametrize(
    ("parser", "messages"),
    [
        (PostgresParser, [(STARTUP, b""), (PARSE, b""), (BIND, SQL), (SYNC, b""), (QUERY, b"SELECT 1")]),
        (ValkeyParser, [(LPUSH, b"LPUSH runs {\r\n$1}"), (PING, b"PING"), (LPUSH, b"LPUSH runs {\r\n$1}")]),
    ],
)
@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_finds_every_message(parser: type[WireParser], messages: list[tuple[bytes, bytes]], size: int) -> None:
    parsing, sent = parser(), b"".join(data for data, _ in messages)

    found = [message for at in range(0, len(sent), size) for message in parsing.read(sent[at : at + size])]

    assert [(message.data, message.meaning) for message in found] == messages
