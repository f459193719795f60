"""Which certificate authorities are trusted, and why a TLS handshake failed."""

import ssl
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import httpx


def context(*, cert_file: str = "", cert_dir: str = "") -> ssl.SSLContext:
    """A context that trusts the usual authorities, or only those of a PEM file and a directory (see `openssl rehash`).

    They replace the usual ones, as with OpenSSL and curl: a company with an authority of its own may want no other.
    The usual context is the same for everybody, and not to be changed. Raises OSError for a file that cannot be read or
    holds no certificate.
    """
    if not (cert_file or cert_dir):
        return _usual()
    return ssl.create_default_context(cafile=cert_file or None, capath=cert_dir or None)


def usual_and(authority: Path) -> ssl.SSLContext:
    """A context of its own that trusts one certificate besides the usual authorities'."""
    trust = httpx.create_ssl_context(trust_env=False)
    trust.load_verify_locations(authority)
    return trust


@cache
def _usual() -> ssl.SSLContext:
    """4 MB of certificates, and 10 ms to read them."""
    return httpx.create_ssl_context(trust_env=False)


def error_behind(exc: BaseException) -> ssl.SSLError | None:
    """The TLS error that httpx or httpcore wrapped in `exc`; None when there is none."""
    return next((cause for cause in chain(exc) if isinstance(cause, ssl.SSLError)), None)


def chain(exc: BaseException) -> Iterator[BaseException]:
    """The error and the errors that caused it. httpcore raises some `from None`: those still have their context."""
    cause: BaseException | None = exc
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__


def explained(error: ssl.SSLError) -> str:
    """OpenSSL's description, for a log. It names at most the host that was asked for."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate not trusted: {error.verify_message}"
    return (error.reason or type(error).__name__).replace("_", " ").lower()
