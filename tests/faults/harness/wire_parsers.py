"""What a client says to PostgreSQL or Valkey, cut into messages: as much of both wire protocols as a gate needs.

Facts: https://www.postgresql.org/docs/18/protocol-message-formats.html and https://valkey.io/topics/protocol/.
"""

from dataclasses import dataclass
from typing import ClassVar, Protocol


@dataclass(frozen=True, slots=True)
class Said:
    """One message as it came, and what it asks the server to do: SQL or a command's words; b"" for neither."""

    data: bytes
    meaning: bytes = b""


class Wire(Protocol):
    """One client connection; a new one for each."""

    # With what the server's answer to a message that has a meaning ends.
    ANSWER_ENDS: ClassVar[bytes]

    def read(self, data: bytes) -> list[Said]:
        """The messages that are whole now; the rest is kept for the next call."""


class PostgresWire:
    """Knows the SQL of a prepared statement by its name; it is said when it is run, not when it is prepared.

    A COMMIT means all that its transaction did: "UPDATE …; INSERT …; COMMIT".
    """

    # ReadyForQuery outside a transaction: what was asked for has committed.
    ANSWER_ENDS: ClassVar[bytes] = b"Z\0\0\0\5I"

    def __init__(self) -> None:
        self._rest = b""
        self._has_started = False
        self._sql: dict[bytes, bytes] = {}
        self._transaction: list[bytes] = []

    def read(self, data: bytes) -> list[Said]:
        self._rest += data
        found = []
        # The first message of a connection has no letter before its length.
        while len(self._rest) >= (at := int(self._has_started)) + 4:
            end = at + int.from_bytes(self._rest[at : at + 4])
            if len(self._rest) < end:
                break
            message, self._rest = self._rest[:end], self._rest[end:]
            sql = self._run_sql(message) if self._has_started else b""
            found.append(Said(message, self._meaning(sql)))
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


class ValkeyWire:
    """Arrays of bulk strings, as every client sends its commands."""

    ANSWER_ENDS: ClassVar[bytes] = b"\r\n"

    def __init__(self) -> None:
        self._rest = b""

    def read(self, data: bytes) -> list[Said]:
        self._rest += data
        found = []
        while (command := self._command()) is not None:
            found.append(command)
            self._rest = self._rest[len(command.data) :]
        return found

    def _command(self) -> Said | None:
        """The first whole command, if there is one."""
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
        return Said(self._rest[:at], b" ".join(words))
