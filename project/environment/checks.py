"""Checks of settings. Each returns what is wrong with the text, in words for the operator, or ""."""

import os
import re
import ssl
from collections.abc import Callable

import psycopg
from psycopg.conninfo import conninfo_to_dict

from conversations.outbound import addresses
from conversations.search import registry as search
from providers import catalog
from providers.transport import tls

SECRET_MIN_CHARS = 32
# For admin users and for PARLEY_ADMIN_PASSWORD.
PASSWORD_MIN_CHARS = 12
REDIS_SCHEMES = ("redis", "rediss", "unix")
AMQP_SCHEMES = ("amqp", "amqps")
NO_CLUSTER = (
    "a Redis Cluster cannot be used: one script writes an answer's log and tells its readers, and a cluster keeps "
    "these keys on different nodes; use one primary, with a replica that takes over"
)
ANY_ORIGIN = "*"
DEFAULT_PORTS = {"http": "80", "https": "443"}
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
# What `serve` runs besides the stores.
ROLES = ("web", "worker", "upkeep", "knowledge")


def url(*schemes: str) -> Callable[[str], str]:
    def check(value: str) -> str:
        if not value or value.split(":", 1)[0].lower() in schemes:
            return ""
        return "must begin with " + " or ".join(f"{scheme}://" for scheme in schemes)

    return check


def database_url(value: str) -> str:
    if problem := url("postgres", "postgresql")(value):
        return problem
    try:
        conninfo_to_dict(value)
    except psycopg.ProgrammingError:
        # libpq's own message quotes the text that it could not read, which may be the password.
        return "cannot be read as a URL of PostgreSQL; percent-encode special characters"
    return ""


def redis_url(value: str) -> str:
    return _no_cluster(value) or url(*REDIS_SCHEMES)(value)


def broker_url(value: str) -> str:
    return _no_cluster(value) or url(*REDIS_SCHEMES, *AMQP_SCHEMES)(value)


def _no_cluster(value: str) -> str:
    """A cluster behind a plain URL is noticed at the start (supervisor/preparation.py)."""
    return NO_CLUSTER if value.split(":", 1)[0].lower() in ("redis+cluster", "rediss+cluster") else ""


def secret(value: str) -> str:
    return f"must have {SECRET_MIN_CHARS} characters or more" if value and len(value) < SECRET_MIN_CHARS else ""


def password(value: str) -> str:
    return "" if len(value) >= PASSWORD_MIN_CHARS else f"must have {PASSWORD_MIN_CHARS} characters or more"


def public_url(value: str) -> str:
    """An origin without a path, because the routes are fixed."""
    is_origin = re.fullmatch(r"https?://(\[[0-9a-f:.]+\]|[a-z0-9_.-]+)(:[0-9]{1,5})?/?", value, re.IGNORECASE)
    return "" if is_origin else "must be scheme and host, such as https://chat.example.com, without a path"


def origins(value: str) -> str:
    """Each exactly as a browser writes it, because it is compared as a text."""
    given = [text.strip() for text in value.split(",") if text.strip()]
    if ANY_ORIGIN in given:
        return "" if given == [ANY_ORIGIN] else f"{ANY_ORIGIN} is every origin, so it stands alone"
    return next((problem for text in given if (problem := _origin(text))), "")


def _origin(text: str) -> str:
    found = re.fullmatch(r"([a-z][a-z0-9+.-]*)://(\[[0-9a-f:.]+\]|[a-z0-9_.-]+)(?::([1-9][0-9]{0,4}))?", text)
    if not found:
        return f"{text!r} is no origin such as https://app.example.com: scheme and host in small letters, no path"
    if found[3] and found[3] == DEFAULT_PORTS.get(found[1]):
        return f"{text!r} has the port that browsers leave out for {found[1]}"
    return ""


def vendor(value: str) -> str:
    names = sorted(name for name in catalog.builtin().vendors if name != catalog.ECHO)
    return "" if value in names else f"must be one of {', '.join(names)}"


def search_engine(value: str) -> str:
    return "" if value in search.ENGINES else f"must be one of {', '.join(search.ENGINES)}"


def ranges(value: str) -> str:
    try:
        addresses.ranges(text for text in value.split(",") if text)
    except ValueError as exc:
        return str(exc)
    return ""


def cert_file(value: str) -> str:
    try:
        tls.context(cert_file=value)
    except ssl.SSLError:
        return f"{value} holds no certificates in PEM form"
    except OSError as exc:
        return f"cannot read {value} ({exc.strerror})"
    return ""


def cert_dir(value: str) -> str:
    """OpenSSL finds certificates by the hash in their file's name, and reports no error when it finds none."""
    try:
        names = [name for path in value.split(os.pathsep) for name in os.listdir(path)]
    except OSError as exc:
        return f"cannot read {exc.filename} ({exc.strerror})"
    is_hashed = any(re.fullmatch(r"[0-9a-f]{8}\.[0-9]+", name) for name in names)
    return "" if is_hashed else f"{value} holds no certificates that `openssl rehash` has named"


def roles(value: str) -> str:
    given = {text for part in value.split(",") if (text := part.strip())}
    return "" if given and given <= set(ROLES) else f"must be some of {','.join(ROLES)}"


def level(value: str) -> str:
    return "" if value.upper() in LOG_LEVELS else f"must be one of {', '.join(LOG_LEVELS)}"


def currency(value: str) -> str:
    return "" if re.fullmatch("[A-Z]{3}", value) else "must be three capital letters, such as USD"
