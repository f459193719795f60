"""The API families that this service speaks, by the name in `Run.dialect`.

A family registers itself: every package beside this module that has a `dialect.py` with a `DIALECT` in it is one. So
adding a family changes no table here or elsewhere, and nobody who asks the registry imports a family.
"""

from importlib import import_module
from importlib.util import find_spec
from pkgutil import iter_modules
from types import ModuleType

from conversations import dialects
from conversations.dialects.dialect import Dialect

# As many as `Run.dialect` holds.
NAME_MAX_CHARS = 16


def discover(package: ModuleType) -> dict[str, Dialect]:
    """The families whose packages are directly inside this one, in the order of their folders."""
    folders = [f"{package.__name__}.{found.name}" for found in iter_modules(package.__path__) if found.ispkg]
    modules = [f"{folder}.dialect" for folder in folders if find_spec(f"{folder}.dialect")]
    found: list[Dialect] = [import_module(module).DIALECT for module in modules]
    return {dialect.name: dialect for dialect in found}


DIALECTS = discover(dialects)


def get(name: str) -> Dialect:
    """Raises LookupError for a name that no family has."""
    return DIALECTS[name]


def names() -> list[str]:
    return sorted(DIALECTS)


def choices() -> list[tuple[str, str]]:
    """As a model field takes them: asked for when they are needed, so a new family is no migration."""
    return [(name, name) for name in names()]
