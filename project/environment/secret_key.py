"""Django's secret key when the operator sets none: made once and kept in the data directory."""

import os
import secrets
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured


def read(data_dir: Path) -> str:
    """The secret kept in the data directory; made on first use. Two processes that make it at once agree on one.

    Raises ImproperlyConfigured when the directory cannot be used.
    """
    path = data_dir / "secret_key"
    try:
        return path.read_text().strip() if path.exists() else _make(path)
    except OSError as exc:
        raise ImproperlyConfigured(f"DATA_DIR: cannot use {data_dir} ({exc.strerror}); set it to another") from None


def _make(path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    made = path.with_name(f".secret_key.{os.getpid()}")
    made.touch(mode=0o600)
    made.write_text(secrets.token_urlsafe(48))
    try:
        os.link(made, path)
    except FileExistsError:
        pass
    finally:
        made.unlink()
    return path.read_text().strip()
