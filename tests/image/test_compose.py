"""Compose itself reads `docker/compose.yml`. What it says is in tests/unit/docs/test_compose.py."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.image.build import ROOT

pytestmark = pytest.mark.image


def test_compose_takes_the_file_and_asks_for_the_secrets(tmp_path: Path) -> None:
    assert shutil.which("docker-compose"), "docker-compose is missing: apt-get install docker-compose"
    folder = tmp_path / "docker"
    shutil.copytree(ROOT / "docker", folder, ignore=shutil.ignore_patterns(".env"))
    (folder / ".env").touch()
    check = ["docker-compose", "--file", "compose.yml", "config", "--quiet"]

    without = subprocess.run(check, cwd=folder, capture_output=True, text=True, check=False)
    (folder / ".env").unlink()
    subprocess.run([str(folder / "make-env")], capture_output=True, check=True)
    made = subprocess.run(check, cwd=folder, capture_output=True, text=True, check=False)

    assert without.returncode != 0
    assert "docker/make-env makes one" in without.stderr
    assert (made.returncode, made.stderr) == (0, "")
