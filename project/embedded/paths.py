"""Where the embedded PostgreSQL and Valkey keep their files, and the URLs they answer under."""

import hashlib
import os
from pathlib import Path
from urllib.parse import quote

# Names the socket file only; nothing listens on TCP.
POSTGRES_PORT = 5432
VALKEY_SOCKET = "valkey.sock"
# A Unix socket's path may have 107 bytes; PostgreSQL's own file name takes 16 of them.
SOCKET_DIR_MAX_BYTES = 107 - len("/.s.PGSQL.5432.x")
# Not tempfile's directory: TMPDIR may be long itself, and may differ between the shells that use this data directory.
SHORT_DIR = Path("/tmp")  # noqa: S108 - the directory made in it is private and checked
DATABASE_NAME = "parley"
DATABASE_USER = "parley"


def postgres_dir(data_dir: Path) -> Path:
    return data_dir / "postgres"


def valkey_dir(data_dir: Path) -> Path:
    return data_dir / "valkey"


def socket_dir(data_dir: Path) -> Path:
    """The directory of both sockets: in the data directory, or a short private one when its path is too long."""
    wanted = data_dir.resolve() / "run"
    if len(os.fsencode(wanted)) <= SOCKET_DIR_MAX_BYTES:
        return wanted
    digest = hashlib.sha256(os.fsencode(wanted)).hexdigest()[:12]
    return SHORT_DIR / f"parley-{os.getuid()}-{digest}"


def database_url(data_dir: Path) -> str:
    host = quote(str(socket_dir(data_dir)), safe="/")
    # The port is given so that a PGPORT in the environment cannot select another socket.
    return f"postgresql://{DATABASE_USER}@/{DATABASE_NAME}?host={host}&port={POSTGRES_PORT}"


def redis_url(data_dir: Path) -> str:
    return f"unix://{quote(str(socket_dir(data_dir) / VALKEY_SOCKET), safe='/')}?db=0"
