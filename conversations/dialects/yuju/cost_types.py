"""What `cost/details` calls the lines of a run's cost (docs/contract D.8.3)."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

from conversations.rules.money.explanations import BESIDE
from conversations.values.prices import UnitKind


class CostType(StrEnum):
    """What is paid for: calls to models, searches of the web, and vectors of questions to knowledge bases."""

    TOKEN = "token"  # noqa: S105 — of text
    PLUGINS = "plugins"
    KNOWLEDGE = "knowledge"


def of_lines(lines: Sequence[Mapping[str, Any]]) -> list[CostType]:
    # What is used beside the model is a vector, or the call for intents. Only the latter has an answer.
    asked = [line[BESIDE] for line in lines if BESIDE in line and line["kind"] == UnitKind.OUTPUT.value]
    return [_of_line(line, asked) for line in lines]


def _of_line(line: Mapping[str, Any], asked: Sequence[Any]) -> CostType:
    if line["kind"] == UnitKind.SEARCH.value:
        return CostType.PLUGINS
    is_vector = BESIDE in line and line[BESIDE] not in asked
    return CostType.KNOWLEDGE if is_vector else CostType.TOKEN
