"""The envelope of the siblings and of all errors (docs/contract D.7, D.8): `{Code, Data, Msg}`."""

from collections.abc import Mapping
from typing import Any

OK, OK_WORD = 2000, "成功"


def success(data: Any) -> dict[str, Any]:
    return {"Code": OK, "Data": data, "Msg": OK_WORD}


def refusal(code: int, message: str, details: Mapping[str, Any] | None = None) -> dict[str, Any]:
    return {"Code": code, "Data": details or None, "Msg": message}
