"""Schemas are bounded when they are given, and arguments are checked in a time that no schema can stretch."""

import time
from typing import Any

import pytest

from conversations.tools import schemas
from conversations.tools.schemas import UnusableSchema

Schema = dict[str, Any]
# Each took minutes or for ever, or would open a connection, if it were not refused or bounded.
BROKEN_SECONDS = 5.0


def nested(levels: int) -> Schema:
    schema: Schema = {"type": "object"}
    for _ in range(levels):
        schema = {"type": "object", "properties": {"a": schema}}
    return schema


def doubling(times: int) -> Schema:
    """Each definition refers to the next twice: 2 ** times of the last."""
    twice = {f"d{at}": {"allOf": [{"$ref": f"#/$defs/d{at + 1}"}] * 2} for at in range(times)}
    return {"$ref": "#/$defs/d0", "$defs": {**twice, f"d{times}": {"type": "object"}}}


@pytest.mark.parametrize(
    ("schema", "why"),
    [
        ([], 'it must be a JSON Schema of the type "object"'),
        ({"type": "string"}, 'it must be a JSON Schema of the type "object"'),
        (nested(1_000), "it is nested more than 24 levels deep"),
        ({"description": "x" * 20_000}, "it is longer than 16384 bytes"),
        ({"default": 2**70}, "it holds what JSON cannot say"),
        ({"$ref": "http://127.0.0.1:9/schema"}, "a reference in it leads elsewhere; only #/… is followed"),
        ({"$ref": "file:///etc/passwd"}, "a reference in it leads elsewhere; only #/… is followed"),
        ({"$ref": "#/$defs/nothing"}, "a reference in it leads nowhere"),
        ({"$ref": "#"}, "a reference in it leads back to itself"),
        ({"$defs": {"a": {"properties": {"x": {"$ref": "#/$defs/a"}}}}, "$ref": "#/$defs/a"}, "itself"),
        (doubling(12), "it has more than 1000 parts, references counted each time"),
        (doubling(100), "it refers more than 24 times in a row"),
        ({"properties": {f"p{at}": {"pattern": "^a$"} for at in range(65)}}, "it has more than 64 patterns"),
        ({"patternProperties": {f"p{at}": {} for at in range(65)}}, "it has more than 64 patterns"),
        ({"$id": "http://127.0.0.1:9/"}, "$id is not supported"),
        ({"$schema": "http://127.0.0.1:9/"}, "Unknown meta-schema"),
        ({"properties": 5}, '5 is not of type "object"'),
        ({"properties": {"a": {"type": "sting"}}}, "sting"),
        ({"properties": {"a": {"pattern": "(?=a)b"}}}, "regex"),
        ({"properties": {"a": {"pattern": "((a{100}){100}){100}"}}}, "regex"),
    ],
)
def test_an_unusable_schema_is_refused(schema: Any, why: str) -> None:
    with pytest.raises(UnusableSchema) as refused:
        schemas.check(schema)

    assert why in refused.value.message
    assert len(refused.value.message) <= schemas.PROBLEM_MAX_CHARS


def test_references_within_the_schema_are_followed() -> None:
    schema = {"properties": {"a": {"$ref": "#/$defs/n"}, "b": {"$ref": "#/$defs/n"}}, "$defs": {"n": {"type": "null"}}}

    schemas.check(schema)

    assert schemas.problem(schema, {"a": None, "b": None}) == ""
    assert schemas.problem(schema, {"a": None, "b": 1}) == 'b: 1 is not of type "null"'


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"city": "Oslo"}, ""),
        ({"city": "Oslo", "days": 3}, ""),
        ({}, '"city" is a required property'),
        ({"city": 5}, 'city: 5 is not of type "string"'),
        ({"city": "Oslo", "days": "3"}, 'days: "3" is not of type "integer"'),
        (["Oslo"], "The arguments must be a JSON object."),
        (nested(40), "The arguments are nested more than 32 levels deep."),
        ({"city": "x" * 70_000}, "The arguments are longer than 65536 bytes."),
        ({"city": ["x"] * 10_000}, "The arguments hold more than 10000 values."),
        ({"city": "\ud800"}, "The arguments hold what JSON cannot say."),
        ({"city": "Oslo", "days": 2**70}, "The arguments hold what JSON cannot say."),
    ],
)
def test_arguments_are_checked(arguments: Any, problem: str) -> None:
    schema = {
        "type": "object",
        "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
        "required": ["city"],
    }

    assert schemas.problem(schema, arguments) == problem


def test_a_problem_quotes_little_of_the_arguments() -> None:
    problem = schemas.problem({"properties": {"a": {"type": "integer"}}}, {"a": "x" * 60_000})

    assert len(problem) == schemas.PROBLEM_MAX_CHARS


@pytest.mark.parametrize(
    ("schema", "arguments"),
    [
        ({"properties": {"a": {"pattern": "^(a+)+$"}}}, {"a": "a" * 60_000 + "b"}),
        ({"patternProperties": {"(x+x+)+y": {"type": "null"}}}, {"x" * 60_000: 1}),
        ({"properties": {"a": {"items": {"allOf": [{"type": "integer"}] * 400}}}}, {"a": [1] * 9_900}),
        ({"properties": {"a": {"uniqueItems": True}}}, {"a": [[at] for at in range(4_000)]}),
        (doubling(100), {}),
    ],
)
def test_no_schema_makes_a_check_take_long(schema: Schema, arguments: Any) -> None:
    began = time.process_time()

    schemas.problem(schema, arguments)

    assert time.process_time() - began < BROKEN_SECONDS


def test_against_an_unusable_schema_nothing_is_checked() -> None:
    assert schemas.problem({"$ref": "#"}, {"anything": 1}) == ""
