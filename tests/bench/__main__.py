"""`python -m tests.bench [--quick] [--json PATH] [--only NAME …]`: run the cases, print tables, write JSON."""

import argparse
import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from itertools import groupby
from pathlib import Path

import orjson

from tests.bench import cases, machine, report
from tests.bench.cases import Case, Setup
from tests.bench.figures import Figures, TurnFigures
from tests.bench.load.pace import FULL, QUICK, Pace
from tests.bench.service import environment
from tests.bench.service.environment import Environment
from tests.bench.service.programs import BenchFailed

# Each open stream is a socket in the generator, the web process and the upstream, and two in a worker.
OPEN_FILES = 8192


class Bench:
    """Runs cases and keeps their figures, and the reasons of those that failed."""

    def __init__(self, *, pace: Pace) -> None:
        self._pace = pace
        self._began = time.monotonic()
        self.figures: list[Figures] = []
        self.failures: dict[str, str] = {}

    def run(self, wanted: Sequence[Case]) -> None:
        """Run the cases. All setups share one data directory, so the second start finds a database."""
        with tempfile.TemporaryDirectory(prefix="parley-bench-") as directory:
            for setup, its_cases in groupby(wanted, key=lambda case: case.setup):
                self._run_setup(setup, list(its_cases), data_dir=Path(directory) / "var")

    def _run_setup(self, setup: Setup, its_cases: Sequence[Case], *, data_dir: Path) -> None:
        processes, threads = setup.worker_processes, setup.worker_threads
        try:
            with environment.running(data_dir=data_dir, worker_processes=processes, worker_threads=threads) as ready:
                for case in its_cases:
                    self._run_one(case, ready)
        except BenchFailed as exc:
            for case in its_cases:
                self._fail(case, exc, log="")

    def _run_one(self, case: Case, ready: Environment) -> None:
        try:
            self.figures.append(case.run(ready, self._pace, case.name))
            self._report(f"{case.name} done")
        except BenchFailed as exc:
            self._fail(case, exc, log=ready.service.log[-3000:])

    def _fail(self, case: Case, error: BenchFailed, *, log: str) -> None:
        """Print all that is known now; the final report has only the line of the error."""
        self.failures[case.name] = next(
            (line for line in reversed(str(error).splitlines()) if "Error" in line), str(error)
        )
        self._report(f"{case.name} FAILED: {error}\n{log}")

    def _report(self, what: str) -> None:
        sys.stderr.write(f"{time.monotonic() - self._began:6.1f} s  {what}\n")


def compared(figures: Sequence[Figures]) -> list[Figures]:
    """The figures, with how much later than from the upstream itself a single client gets its first token."""
    alone = [found.first_ms.p50 for found in figures if found.name == "upstream-1" and isinstance(found, TurnFigures)]
    return [
        replace(found, beyond_upstream_ms=found.first_ms.p50 - alone[0])
        if alone and isinstance(found, TurnFigures) and found.name == "stream-1"
        else found
        for found in figures
    ]


def chosen(*, only: Sequence[str] | None, is_quick: bool) -> list[Case]:
    """The cases to run. Cases that are named run also when `is_quick`."""
    return [
        case
        for case in cases.CASES
        if (case.name in only if only else case.is_in_quick if is_quick else case.is_in_full)
    ]


def allow_open_files() -> None:
    """Raise the limit of open files for the child processes; many systems allow 1,024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def main() -> int:
    arguments = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    names = [case.name for case in cases.CASES]
    arguments.add_argument("--quick", action="store_true", help="fewer and shorter cases, within a minute")
    arguments.add_argument("--json", type=Path, metavar="PATH", help="where the figures go as JSON")
    arguments.add_argument("--only", nargs="+", choices=names, metavar="NAME", help=", ".join(names))
    arguments.add_argument("--messages", type=int, help="how many the growth case fills in")
    arguments.add_argument("--squad", type=Path, metavar="FILE", help="in SQuAD format, for the retrieval case")
    arguments.add_argument("--embedding", default="", help="of the base in the retrieval case; none: words alone")
    given = arguments.parse_args()
    allow_open_files()
    facts = machine.facts()
    pace = QUICK if given.quick else FULL
    pace = replace(pace, squad=given.squad, embedding=given.embedding)
    bench = Bench(pace=replace(pace, growth_messages=given.messages) if given.messages else pace)
    bench.run(chosen(only=given.only, is_quick=given.quick))
    figures = compared(bench.figures)
    sys.stdout.write(report.text(facts=facts, figures=figures, failures=bench.failures))
    if given.json:
        found = {
            "machine": facts,
            "is_quick": given.quick,
            "cases": {figure.name: asdict(figure) for figure in figures},
            "failures": bench.failures,
        }
        given.json.write_bytes(orjson.dumps(found, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    return 1 if bench.failures else 0


if __name__ == "__main__":
    sys.exit(main())
