"""The envelope of the siblings and of all errors (docs/contract D.7, D.8): `{Code, Data, Msg}`."""

from typing import Any

OK, OK_WORD = 2000, "成功"


def success(data: Any) -> dict[str, Any]:
    return {"Code": OK, "Data": data, "Msg": OK_WORD}


def refusal(code: int, message: str) -> dict[str, Any]:
    return {"Code": code, "Data": None, "Msg": message}
