"""Unfold's decorators with type annotations, which it lacks."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from unfold import decorators

Method = TypeVar("Method", bound=Callable[..., Any])


def display(
    *, description: str, label: Mapping[str, str] | None = None, empty_value: str | None = None
) -> Callable[[Method], Method]:
    """A column or read-only field. `label` maps its values to colours."""
    decorated: Callable[[Method], Method] = decorators.display(
        description=description, label=dict(label) if label else None, empty_value=empty_value
    )
    return decorated


def action(
    *, description: str, permissions: list[str], icon: str | None = None, url_path: str | None = None
) -> Callable[[Method], Method]:
    """An action of a list, or with `url_path` one of a row's page, which is a link."""
    decorated: Callable[[Method], Method] = decorators.action(
        description=description, permissions=permissions, icon=icon, url_path=url_path
    )
    return decorated
