"""Builds the image of `docker/Dockerfile` by buildah, on a Debian that debootstrap makes.

Nothing of this machine gets in: the wheels are fetched here by their hashes and shown to the build as a folder. buildah
needs root, and its `chroot` isolation and `vfs` storage work where containers may start no containers.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
BASE = "debian:bookworm-slim"
SUITE = "bookworm"
# What the Debian image with this name leaves out.
LEFT_OUT = (
    "var/cache/apt/archives",
    "var/lib/apt/lists",
    "usr/share/doc",
    "usr/share/man",
    "usr/share/locale",
    "var/log",
)
# Of that Debian. Which packages are needed may depend on the last number.
PYTHON = "3.11.2"
REQUIREMENTS = ROOT / "requirements" / "image.txt"


@dataclass(frozen=True, slots=True)
class Image:
    """`files`: its root file system, on this machine. `size`: as `docker images` counts it."""

    files: Path
    config: Mapping[str, Any]
    size: int
    history: str

    @property
    def environment(self) -> dict[str, str]:
        return dict(entry.split("=", 1) for entry in self.config["Env"])


class Builder:
    """Keeps everything in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def build(self) -> Image:
        for program in ("buildah", "debootstrap"):
            assert shutil.which(program), f"{program} is missing: apt-get install buildah debootstrap"
        self._make_base()
        wheels = self._fetch_wheels()
        # Without the format there would be no HEALTHCHECK.
        how = ["--isolation=chroot", "--format=docker", "--pull-never", "--file=docker/Dockerfile", "--tag=parley"]
        offline = [f"--volume={wheels}:/wheels:ro", "--build-arg=PIP_NO_INDEX=1", "--build-arg=PIP_FIND_LINKS=/wheels"]
        self._buildah("build", *how, *offline, ".")
        container = self._buildah("from", "--pull-never", "localhost/parley")
        about = json.loads(self._buildah("inspect", "--type=image", "localhost/parley"))
        (listed,) = json.loads(self._buildah("images", "--json", "localhost/parley"))
        return Image(
            files=Path(self._buildah("mount", container)),
            config=about["Docker"]["config"],
            size=_bytes(listed["size"]),
            history=json.dumps(about["Docker"]["history"]),
        )

    def _make_base(self) -> None:
        base = self.folder / "base"
        _run("debootstrap", "--variant=minbase", SUITE, str(base))
        for name in LEFT_OUT:
            shutil.rmtree(base / name)
            (base / name).mkdir()
        container = self._buildah("from", "scratch")
        self._buildah("add", "--quiet", container, str(base), "/")
        self._buildah("config", "--cmd=bash", container)
        self._buildah("commit", "--quiet", "--format=docker", "--rm", container, BASE)
        shutil.rmtree(base)

    def _fetch_wheels(self) -> Path:
        """What the requirements ask for on that Debian: this Python may be another one."""
        wanted, wheels = self.folder / "requirements.txt", self.folder / "wheels"
        uv = str(Path(sys.executable).with_name("uv"))
        resolve = ["--system-certs", "--no-deps", "--no-annotate", "--no-header", "--generate-hashes"]
        target = [f"--python-version={PYTHON}", "--python-platform=linux"]
        _run(uv, "pip", "compile", *resolve, *target, str(REQUIREMENTS), f"--output-file={wanted}")
        fetch = ["--quiet", "--no-deps", "--only-binary=:all:", "--require-hashes"]
        _run(sys.executable, "-m", "pip", "download", *fetch, f"--requirement={wanted}", f"--dest={wheels}")
        return wheels

    def _buildah(self, *args: str) -> str:
        places = [f"--root={self.folder / 'storage'}", f"--runroot={self.folder / 'run'}"]
        return _run("buildah", "--storage-driver=vfs", *places, *args)


def _run(*command: str) -> str:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done.stdout.strip()


def _bytes(text: str) -> int:
    number, unit = text.split()
    return round(float(number) * {"KB": 1e3, "MB": 1e6, "GB": 1e9}[unit])
