"""The sizes that CONTRIBUTING promises: of packages, files and functions."""

from collections import Counter
from pathlib import PurePosixPath

from tests.unit.docs import sources

PACKAGE_MAX_MODULES = 12
FILE_MAX_LINES = 350
FUNCTION_MAX_LINES = 50


def test_no_package_has_more_modules_than_a_reader_can_take_in() -> None:
    paths = [PurePosixPath(source.path) for source in sources.python_files()]

    modules = Counter(str(path.parent) for path in paths if path.name != "__init__.py")

    assert {package: count for package, count in modules.items() if count > PACKAGE_MAX_MODULES} == {}


def test_no_file_is_longer_than_it_may_be() -> None:
    lines = {source.path: source.text.count("\n") for source in sources.python_files()}

    assert {path: count for path, count in lines.items() if count > FILE_MAX_LINES} == {}


def test_no_function_is_longer_than_it_may_be() -> None:
    lines = {
        f"{source.path}:{function.name}": (function.end_lineno or 0) - function.lineno + 1
        for source in sources.python_files()
        for function in sources.functions(source)
    }

    assert {name: count for name, count in lines.items() if count > FUNCTION_MAX_LINES} == {}
