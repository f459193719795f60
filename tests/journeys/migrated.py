"""A database as a first start makes it, made once in each process of the tests and copied for each of its services.

Making one takes 15 s of CPU, nearly all of it for the migrations; there are fifty services.
"""

import atexit
import functools
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from project.embedded import paths, stores

ROOT = Path(__file__).resolve().parent.parent.parent


def copy(*, data_dir: Path) -> None:
    """Gives a service that was never started its database: without an account, as before its first start."""
    data_dir.mkdir(mode=0o700)
    shutil.copytree(paths.postgres_dir(_made()), paths.postgres_dir(data_dir))


@functools.cache
def _made() -> Path:
    parent = tempfile.mkdtemp(prefix="parley-migrated-")
    atexit.register(shutil.rmtree, parent, ignore_errors=True)
    data_dir = Path(parent) / "var"
    data_dir.mkdir(mode=0o700)
    environment = {"PATH": os.environ["PATH"], "DATA_DIR": str(data_dir)}
    command = [sys.executable, str(ROOT / "manage.py"), "migrate", "--verbosity=0"]
    with stores.running(
        [stores.postgres(data_dir=data_dir, max_connections=20, is_durable=False)], log=data_dir / "log"
    ):
        subprocess.run(command, env=environment, check=True)
    return data_dir
