import inspect
import re

import pytest

from providers import errors


def kinds() -> list[type[errors.ProviderError]]:
    found = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, errors.ProviderError)]
    return [kind for kind in found if kind is not errors.ProviderError]


def test_the_docstring_shows_the_whole_tree() -> None:
    drawn = set(re.findall(r"[├└]── (\w+)", errors.__doc__ or ""))

    assert drawn == {kind.__name__ for kind in kinds()}


@pytest.mark.parametrize("kind", kinds())
def test_the_docstring_shows_what_is_retryable(kind: type[errors.ProviderError]) -> None:
    line = next(line for line in (errors.__doc__ or "").splitlines() if f"── {kind.__name__} " in line)

    assert line.endswith(" retryable") is kind.retryable
