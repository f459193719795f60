"""`python -m tests.attacks [NAME …]`: run each attack beside a victim; print how long the victim's turns took."""

import argparse
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import orjson

from tests.attacks.attacker import ATTACKS
from tests.attacks.target import Target
from tests.bench.service import accounting
from tests.journeys.service import Service

KEY = "sk-attacker-0123456789abcdef"
# During these attacks the victim waits for callbacks.
BY_CALLBACK = {"hanging-receivers"}
# The limit that many systems set.
OPEN_FILES = 1_024
# The victim alone, before and after.
CALM_SECONDS = 2.0
ATTACK_SECONDS = 170.0


@contextmanager
def program(module: str, *args: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a module of this folder by `python -m`; kill it at the end."""
    command = [sys.executable, "-m", f"tests.attacks.{module}", *args]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@contextmanager
def ready() -> Iterator[tuple[Service, Target]]:
    """A service with two workers (the default for two cores), a vendor, and two accounts."""
    with ExitStack() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="parley-attack-"))
        vendor = stack.enter_context(program("vendor"))
        assert vendor.stdout
        vendor_port, sink_port = map(int, vendor.stdout.readline().split())
        env = {
            "PARLEY_API_KEY": KEY,
            "OPENAI_API_KEY": "sk-vendor",
            "OPENAI_BASE_URL": f"http://127.0.0.1:{vendor_port}/v1",
            "OUTBOUND_ALLOW": "127.0.0.0/8",
            "RUN_DEADLINE": "30",
            "WORKER_PROCESSES": "2",
        }
        service = Service(data_dir=Path(directory) / "var", env=env)
        stack.callback(service.stop)
        service.start()
        target = Target(
            port=service.port,
            key=KEY,
            manager_key=service.create_key("attacker", "--scope=keys", "--scope=api"),
            victim_key=service.create_key("victim"),
            sink_port=sink_port,
            service_pid=service.pid,
        )
        yield service, target


class Memory:
    """Measures the highest memory use of web and workers, in MB."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._is_over = threading.Event()
        self.before = accounting.memory_mb(service)
        self.most = dict(self.before)
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._is_over.wait(0.5):
            now = accounting.memory_mb(self._service)
            self.most = {role: max(self.most[role], now[role]) for role in self.most}

    def end(self) -> None:
        self._is_over.set()
        self._thread.join()


def measure(name: str) -> dict[str, Any]:
    """Run one attack on a service of its own; returns its figures."""
    kind = "callbacks" if name in BY_CALLBACK else "turns"
    with ready() as (service, target), program("victim", kind) as victim, program("attacker", name) as attacker:
        assert victim.stdin
        victim.stdin.write(target.line())
        time.sleep(CALM_SECONDS)
        memory = Memory(service)
        results, _ = attacker.communicate(target.line(), timeout=ATTACK_SECONDS)
        time.sleep(CALM_SECONDS)
        memory.end()
        found, _ = victim.communicate(timeout=ATTACK_SECONDS)
        outcome = orjson.loads(found)
    return {"name": name, "attacker": results.decode(), "before": memory.before, "most": memory.most, **outcome}


def line(found: Mapping[str, Any]) -> str:
    """The figures of one attack as a line of text."""
    seconds = found["seconds"] or [float("nan")]
    statuses = " ".join(f"{count}x{status}" for status, count in found["statuses"].items())
    memory = " ".join(f"{role} {found['before'][role]:.0f}->{found['most'][role]:.0f}" for role in ("web", "worker"))
    return (
        f"{found['name']:18} victim p50 {median(seconds) * 1000:7.0f} ms, worst {max(seconds):6.2f} s ({statuses}); "
        f"MB {memory}; attacker: {found['attacker']}\n"
    )


def main() -> None:
    arguments = argparse.ArgumentParser(prog="python -m tests.attacks", description=__doc__)
    arguments.add_argument("names", nargs="*", metavar="NAME", help=", ".join(ATTACKS))
    arguments.add_argument("--json", type=Path, metavar="PATH", help="where the figures go as JSON")
    given = arguments.parse_args()
    resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    figures = []
    for name in given.names or ATTACKS:
        figures.append(measure(name))
        sys.stdout.write(line(figures[-1]))
        sys.stdout.flush()
    if given.json:
        given.json.write_bytes(orjson.dumps(figures, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


if __name__ == "__main__":
    main()
