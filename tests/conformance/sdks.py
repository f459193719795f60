"""The SDKs that are tried. Each runs in a process that reads commands and writes results.

`make conformance` makes their environments under var/conformance.
"""

import json
import os
import queue
import shutil
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from tests.fakes.replies import Json
from tests.journeys.service import ROOT

ENVIRONMENTS = ROOT / "var" / "conformance"
CLIENTS = Path(__file__).parent / "clients"
PATIENCE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Kind:
    """A version of an SDK, and the program that drives it."""

    language: str
    version: str
    program: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"{self.language}-openai-{self.version}"

    @property
    def is_here(self) -> bool:
        return Path(self.program[0]).exists()


def _python(version: str, interpreter: str) -> Kind:
    return Kind("python", version, (interpreter, "-I", str(CLIENTS / "openai_python.py")))


NODE = ENVIRONMENTS / "node"
# Node looks for packages beside the program, so the program is copied to them.
NODE_PROGRAM = CLIENTS / "node" / "openai_node.mjs"
NODE_VERSION = json.loads((CLIENTS / "node" / "package.json").read_text())["dependencies"]["openai"]

KINDS = (
    _python("1.109.1", str(ENVIRONMENTS / "openai-1" / "bin" / "python")),
    _python("2.54.0", str(ENVIRONMENTS / "openai-2" / "bin" / "python")),
    # The development environment's own.
    _python("3.54.0", sys.executable),
    Kind("node", NODE_VERSION, (str(NODE / "bin" / "node"), NODE_PROGRAM.name)),
)


class Sdk:
    """A running SDK process."""

    def __init__(self, kind: Kind, *, base_url: str, api_key: str) -> None:
        self.kind = kind
        self.is_python = kind.language == "python"
        self.base_url = base_url
        self.api_key = api_key
        self._lines: queue.Queue[str] = queue.Queue()

    def __enter__(self) -> Self:
        is_node = self.kind.language == "node"
        if is_node:
            shutil.copy(NODE_PROGRAM, NODE)
        self._process = subprocess.Popen(
            self.kind.program,
            cwd=NODE if is_node else None,
            env={"PATH": os.environ["PATH"]},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        threading.Thread(target=self._listen, daemon=True).start()
        self.version = self._read_result()["version"]
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.wait(PATIENCE_SECONDS)
        self._process.stdout.close()

    def ask(
        self, do: str, *, headers: Mapping[str, str] | None = None, client: Json | None = None, **body: Any
    ) -> Json:
        """The result of one command. `client`: settings of the client; by default it retries as the SDK does."""
        own = {"base_url": self.base_url, "api_key": self.api_key}
        command = {"do": do, "client": {**own, **(client or {})}, "body": body, "headers": dict(headers or {})}
        assert self._process.stdin
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        return self._read_result()

    def _listen(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put("")

    def _read_result(self) -> Json:
        line = self._lines.get(timeout=PATIENCE_SECONDS)
        assert line, f"{self.kind.name} ended; its last output is in the captured stderr"
        return dict(json.loads(line))
