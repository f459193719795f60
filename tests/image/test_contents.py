"""What is in the image, and what it says of itself."""

import re
import sys

import pytest

from tests.image.build import ROOT, Image

# The first of them builds the image.
pytestmark = [pytest.mark.image, pytest.mark.timeout(3600)]

SIZE_MAX = 420_000_000
CODE = "opt/parley"
# Programs that nobody needs for running it.
TOOLS = re.compile(r"^(pip[\d.]*|uv|gcc.*|cc|make|git|curl|wget|debootstrap)$")


def names(image: Image, folder: str) -> set[str]:
    return {path.name for path in (image.files / folder).iterdir()}


def test_is_of_a_size_that_is_known(image: Image, capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        sys.stdout.write(f"\nThe image has {image.size / 1e6:.0f} MB\n")

    assert image.size < SIZE_MAX


def test_holds_the_code_and_nothing_else_of_the_repository(image: Image) -> None:
    assert names(image, CODE) - {"__pycache__"} == {"LICENSE", "manage.py", "providers", "conversations", "project"}
    everything = [path for path in (image.files / CODE).rglob("*") if path.is_file()]
    sources = {path.relative_to(image.files / CODE) for path in everything if "__pycache__" not in path.parts}
    assert [str(path) for path in sources if not (ROOT / path).is_file()] == []
    assert [str(path) for path in sources if path.name.startswith(".")] == []


def test_has_the_bytecode_of_every_module(image: Image) -> None:
    modules = [*(image.files / CODE).rglob("*.py"), *(image.files / "opt/venv/lib").rglob("*.py")]

    without = [path for path in modules if not (path.parent / "__pycache__" / f"{path.stem}.cpython-311.pyc").exists()]

    # Templates of programs and samples of old syntax, which nothing imports.
    assert [path for path in without if path.is_relative_to(image.files / CODE)] == []
    assert len(without) < 20


def test_has_no_tools_to_build_or_to_fetch(image: Image) -> None:
    folders = ("usr/bin", "usr/local/bin", "usr/sbin", "opt/venv/bin")

    assert [name for folder in folders for name in names(image, folder) if TOOLS.match(name)] == []
    assert "pip" not in names(image, "opt/venv/lib/python3.11/site-packages")


def test_belongs_to_root_and_runs_as_somebody_else(image: Image) -> None:
    assert image.config["User"] == "10001:10001"
    assert {path.stat().st_uid for path in (image.files / "opt").rglob("*") if not path.is_symlink()} == {0}
    writable = [path for path in (image.files / "opt").rglob("*") if not path.is_symlink() and path.stat().st_mode & 2]
    assert writable == []


def test_says_nothing_of_the_machine_that_built_it(image: Image) -> None:
    assert set(image.environment) == {"PATH", "PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED", "HOST", "DATA_DIR"}
    # Where this build's wheels were shown; no other build has it.
    assert names(image, "wheels") == set()
    for path in ("etc/pip.conf", "etc/apt/apt.conf", "root/.config", "root/.cache", "requirements.txt"):
        assert not (image.files / path).exists(), path
    said = image.history.lower()
    assert [word for word in ("http_proxy=", "https_proxy=", "index_url=h", "password", "sk-") if word in said] == []


def test_has_a_healthcheck_and_an_init(image: Image) -> None:
    assert image.config["Healthcheck"]["Test"] == ["CMD", "python", "-m", "project.supervisor.healthcheck"]
    assert image.config["Entrypoint"] == ["tini", "--", "parley"]
    assert image.config["Cmd"] == ["serve"]
