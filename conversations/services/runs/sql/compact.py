"""Statements without the space that only people need."""

import re


def compact(statement: str) -> str:
    """So short that psycopg keeps what it has parsed of it, if that is possible."""
    return re.sub(r" ?([,()=<>]) ?", r"\1", " ".join(statement.split()))
