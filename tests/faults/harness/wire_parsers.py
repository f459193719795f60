"""Split what a client sends to PostgreSQL or Valkey into messages: as much of both protocols as the proxy needs.

Facts: https://www.postgresql.org/docs/18/protocol-message-formats.html and https://valkey.io/topics/protocol/.
"""

from dataclasses import dataclass
from typing import ClassVar, Protocol


@dataclass(frozen=True, slots=True)
class WireMessage:
    """One message as it was sent. `meaning` is its SQL or its command's words; b"" when it has neither."""

    data: bytes
    meaning: bytes = b""


class WireParser(Protocol):
    """Parses one client connection."""

    # The end of the server's answer to a message that has a meaning.
    ANSWER_END: ClassVar[bytes]

    def read(self, data: bytes) -> list[WireMessage]:
        """The messages that are complete; the rest is kept for the next call."""


class PostgresParser:
    """Finds the SQL of a prepared statement by its name, when it is run and not when it is prepared.

    The meaning of a COMMIT is its whole transaction: "UPDATE …; INSERT …; COMMIT".
    """

    # ReadyForQuery outside a transaction: the statement has committed.
    ANSWER_END: ClassVar[bytes] = b"Z\0\0\0\5I"

    def __init__(self) -> None:
        self._rest = b""
        self._has_started = False
        self._sql: dict[bytes, bytes] = {}
        self._transaction: list[bytes] = []

    def read(self, data: bytes) -> list[WireMessage]:
        self._rest += data
        found = []
        # The first message of a connection has no letter before its length.
        while len(self._rest) >= (at := int(self._has_started)) + 4:
            end = at + int.from_bytes(self._rest[at : at + 4])
            if len(self._rest) < end:
                break
            message, self._rest = self._rest[:end], self._rest[end:]
            sql = self._run_sql(message) if self._has_started else b""
            found.append(WireMessage(message, self._meaning(sql)))
            self._has_started = True
        return found

    def _meaning(self, sql: bytes) -> bytes:
        if sql == b"BEGIN" or self._transaction:
            self._transaction.append(sql)
        if sql not in (b"COMMIT", b"ROLLBACK"):
            return sql
        done, self._transaction = b"; ".join(filter(None, self._transaction)), []
        return done

    def _run_sql(self, message: bytes) -> bytes:
        kind, words = message[:1], message[5:].split(b"\0")
        if kind == b"P":
            self._sql[words[0]] = words[1]
        if kind == b"B":
            return self._sql.get(words[1], b"")
        return words[0] if kind == b"Q" else b""


class ValkeyParser:
    """Parses arrays of bulk strings, the form in which clients send commands."""

    ANSWER_END: ClassVar[bytes] = b"\r\n"

    def __init__(self) -> None:
        self._rest = b""

    def read(self, data: bytes) -> list[WireMessage]:
        self._rest += data
        found = []
        while (command := self._command()) is not None:
            found.append(command)
            self._rest = self._rest[len(command.data) :]
        return found

    def _command(self) -> WireMessage | None:
        """The first command, if it is complete."""
        head, separator, _ = self._rest.partition(b"\r\n")
        if not separator:
            return None
        words, at = [], len(head) + 2
        for _ in range(int(head.removeprefix(b"*"))):
            length, separator, _ = self._rest[at:].partition(b"\r\n")
            begin = at + len(length) + 2
            at = begin + int(length.removeprefix(b"$") or 0) + 2
            if not separator or at > len(self._rest):
                return None
            words.append(self._rest[begin : at - 2])
        return WireMessage(self._rest[:at], b" ".join(words))
