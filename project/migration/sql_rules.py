"""What the statements of a RunSQL do to turns. Only forms that are known to be harmless pass."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import sqlparse

_TABLE = re.compile(r"\bconversations_(\w+)\b", re.I)
_CONCURRENT = re.compile(r"(CREATE (UNIQUE )?INDEX|DROP INDEX|REINDEX( \w+)?) CONCURRENTLY\b", re.I)
_ALTER = re.compile(r"ALTER TABLE (IF EXISTS )?(ONLY )?[\w\".]+ (?P<actions>.*)", re.I)
_VALIDATION = re.compile(r"VALIDATE CONSTRAINT \S+", re.I)
# Changes of the catalogue alone: a moment, once the lock is there.
_SHORT_ACTIONS = tuple(
    re.compile(pattern, re.I)
    for pattern in (
        r"ADD CONSTRAINT \S+ .* NOT VALID",
        r"ADD CONSTRAINT \S+ (UNIQUE|PRIMARY KEY) USING INDEX .*",
        r"ADD COLUMN (?!.*\b(PRIMARY|UNIQUE|REFERENCES|GENERATED|SERIAL|BIGSERIAL|NOT NULL|DEFAULT)\b).*",
        r"ADD COLUMN (?!.*\b(PRIMARY|UNIQUE|REFERENCES|GENERATED)\b).* DEFAULT ('[^']*'|[\d.]+|true|false)(::\w+)?"
        r"( NOT NULL)?",
        r"ALTER (COLUMN )?\S+ (SET DEFAULT .*|DROP NOT NULL|SET STATISTICS .*|SET STORAGE .*|SET COMPRESSION .*|"
        r"SET \(.*\)|RESET \(.*\))",
        r"DROP CONSTRAINT (IF EXISTS )?\S+",
        r"(SET|RESET) \(.*\)",
        r"VALIDATE CONSTRAINT \S+",
    )
)
_HARMLESS = re.compile(
    r"(ANALYZE|COMMENT ON|SELECT|SET|RESET|CREATE TABLE|CREATE STATISTICS|"
    r"CREATE (OR REPLACE )?(FUNCTION|TRIGGER)|DROP (FUNCTION|TRIGGER|STATISTICS))\b",
    re.I,
)
# What may be repeated after the migration was broken off. Of changes of rows, and of DO, the author promises it.
_REPEATABLE = re.compile(
    r"(ANALYZE|COMMENT ON|SELECT|SET|RESET|UPDATE|INSERT|DELETE|DO)\b|.*\b(IF NOT EXISTS|IF EXISTS|OR REPLACE)\b", re.I
)
_REPEATABLE_ACTION = re.compile(r"(VALIDATE CONSTRAINT|DROP CONSTRAINT IF EXISTS|SET \(|RESET \(|ALTER )", re.I)
_CONSTRAINT = re.compile(r"(ADD|DROP) CONSTRAINT (IF EXISTS )?(?P<name>\S+)", re.I)


def problem(operation: Any, *, growing: Iterable[str]) -> str:
    """Of what the RunSQL `operation` does forwards. `growing`: names of models."""
    for statement in statements(operation):
        # The name of an index says nothing of its table.
        is_about_growing = bool(tables(statement) & set(growing)) or _CONCURRENT.match(statement)
        if is_about_growing and not _is_harmless(statement):
            return f"may hold up turns: {statement[:60]}"
    return ""


def tables(statement: str) -> set[str]:
    """Those of models that it names, without their prefix."""
    return {name.lower() for name in _TABLE.findall(statement)}


def problem_of_place(operation: Any, *, is_atomic: bool) -> str:
    """Whether the statements may stand in a migration with a transaction, or in one without."""
    found = list(statements(operation))
    for statement in found:
        if is_atomic and _CONCURRENT.match(statement):
            return "needs `atomic = False` in its migration"
        if is_atomic and len(found) > 1 and any(_VALIDATION.match(action) for action in _actions(statement)):
            return "takes long: give it a migration of its own"
        if not is_atomic and not _is_repeatable(statement, after=found[: found.index(statement)]):
            return f"cannot be repeated when the migration breaks off: {statement[:60]}"
    return ""


def statements(operation: Any) -> Iterator[str]:
    """Each on one line, without comments."""
    given = operation.sql if isinstance(operation.sql, list | tuple) else [operation.sql]
    for part in given:
        text = part[0] if isinstance(part, list | tuple) else part
        for statement in sqlparse.split(text):
            if line := " ".join(sqlparse.format(statement, strip_comments=True).split()).rstrip("; "):
                yield line


def _is_harmless(statement: str) -> bool:
    if _CONCURRENT.match(statement) or _HARMLESS.match(statement):
        return True
    actions = list(_actions(statement))
    return bool(actions) and all(any(form.fullmatch(action) for form in _SHORT_ACTIONS) for action in actions)


def _is_repeatable(statement: str, *, after: Sequence[str]) -> bool:
    """A constraint may be added where one of its name was dropped before, and dropped where it was added before."""
    if _CONCURRENT.match(statement) or _REPEATABLE.match(statement):
        return True
    actions = list(_actions(statement))
    known = {name for earlier in after for name in _constraints(earlier)}
    others = [action for action in actions if not known & set(_names(action))]
    return bool(actions) and all(_REPEATABLE_ACTION.match(action) for action in others)


def _constraints(statement: str) -> Iterator[str]:
    """Names of those that the statement adds or drops."""
    return (name for action in _actions(statement) for name in _names(action))


def _names(action: str) -> list[str]:
    found = _CONSTRAINT.match(action)
    return [found["name"]] if found else []


def _actions(statement: str) -> Iterator[str]:
    """Those of an ALTER TABLE, which commas outside of parentheses and strings separate."""
    if not (found := _ALTER.match(statement)):
        return
    action, depth, is_quoted = "", 0, False
    for character in found["actions"]:
        is_quoted ^= character == "'"
        depth += (character == "(") - (character == ")")
        if character == "," and not depth and not is_quoted:
            yield action.strip()
            action = ""
        else:
            action += character
    yield action.strip()
