"""The Python files that the house rules are about, read and parsed once. Migrations are kept as they were generated."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PACKAGES = ("project", "conversations", "providers", "tests")


@dataclass(frozen=True, slots=True)
class Source:
    """`path` is relative to the project's root."""

    path: str
    text: str
    tree: ast.Module


@cache
def python_files() -> tuple[Source, ...]:
    return tuple(
        _read(path) for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py")) if _is_ours(path)
    )


def functions(source: Source) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def _is_ours(path: Path) -> bool:
    return "migrations" not in path.parts and "node_modules" not in path.parts


def _read(path: Path) -> Source:
    text = path.read_text(encoding="utf-8")
    return Source(path.relative_to(ROOT).as_posix(), text, ast.parse(text))
