"""Customers' servers on loopback, scripted to the byte; and a certificate authority of our own.

with Receiver(answering(b"ok")) as receiver:
    … send to receiver.port …
    assert receiver.connections == 1
    assert receiver.requests[0].startswith(b"POST /hook HTTP/1.1\\r\\n")
"""

import re
import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

# Talks on a connection; is told when the test is over.
Script = Callable[[socket.socket, threading.Event], None]

WAIT_SECONDS = 10.0


def answering(body: bytes = b"", status: str = "200 OK", *headers: str) -> Script:
    head = "".join(f"{line}\r\n" for line in (f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, ""))

    def answer(connection: socket.socket, _over: threading.Event) -> None:
        connection.sendall(head.encode() + body)

    return answer


def dripping(start: bytes, drop: bytes, *, pause: float) -> Script:
    """Sends `start`, then `drop` every `pause` seconds for ever."""

    def drip(connection: socket.socket, over: threading.Event) -> None:
        connection.sendall(start)
        while not over.wait(pause):
            connection.sendall(drop)

    return drip


def pouring(start: bytes, chunk: bytes) -> Script:
    return dripping(start, chunk, pause=0)


def silent(_connection: socket.socket, over: threading.Event) -> None:
    over.wait(WAIT_SECONDS)


class Receiver:
    """A server on a free port of `host`; it reads a request first, or `speaks_first`.

    `server_names` are what TLS clients asked for (SNI).
    """

    def __init__(
        self,
        script: Script,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        tls: ssl.SSLContext | None = None,
        speaks_first: bool = False,
    ) -> None:
        self._script = script
        self._speaks_first = speaks_first
        self._tls = tls
        self._over = threading.Event()
        self._listener = socket.create_server((host, port))
        self._threads: list[threading.Thread] = []
        self.port: int = self._listener.getsockname()[1]
        self.connections = 0
        self.requests: list[bytes] = []
        self.server_names: list[str | None] = []

    def __enter__(self) -> Self:
        if self._tls is not None:
            self._tls.sni_callback = lambda _socket, name, _context: self.server_names.append(name)
        self._start(self._accept)
        return self

    def __exit__(self, *_exc: object) -> None:
        self._over.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(WAIT_SECONDS)

    def _start(self, target: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                self._start(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(WAIT_SECONDS)
        with suppress(OSError), connection:
            if self._tls is None:
                self._talk(connection)
            else:
                with self._tls.wrap_socket(connection, server_side=True) as secured:
                    self._talk(secured)

    def _talk(self, connection: socket.socket) -> None:
        if self._speaks_first or self._read_request(connection):
            self._script(connection, self._over)

    def _read_request(self, connection: socket.socket) -> bool:
        request = b""
        while not _is_complete(request):
            received = connection.recv(65536)
            if not received:
                return False
            request += received
        self.requests.append(request)
        return True


def _is_complete(request: bytes) -> bool:
    head, end, body = request.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)^content-length: *([0-9]+)", head, re.MULTILINE)
    return bool(end) and len(body) >= int(length[1] if length else 0)


class Authority:
    """Signs certificates; `path` is its own, for clients to trust."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name("Test authority")
        self._certificate = self._sign("Test authority", self._key.public_key(), is_authority=True)
        self.path = directory / "authority.pem"
        self.path.write_bytes(self._certificate.public_bytes(serialization.Encoding.PEM))

    def server_tls(self, name: str) -> ssl.SSLContext:
        """What a server needs to prove that it is `name`."""
        key = ec.generate_private_key(ec.SECP256R1())
        path = self._directory / f"{name}.pem"
        certificate = self._sign(name, key.public_key(), is_authority=False)
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context

    def _sign(self, name: str, key: ec.EllipticCurvePublicKey, *, is_authority: bool) -> x509.Certificate:
        now = datetime.now().astimezone()
        return (
            x509.CertificateBuilder()
            .subject_name(_name(name))
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name.replace(" ", "-"))]), critical=False)
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
            .sign(self._key, hashes.SHA256())
        )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])
