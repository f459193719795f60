"""Results of the SDK clients as a test expects them."""

from typing import Any

INVALID = "invalid_request_error"


def choice(index: int, content: str | None, **more: Any) -> dict[str, Any]:
    said = {"index": index, "role": "assistant", "content": content, "refusal": None, "tool_calls": []}
    return {**said, "finish_reason": "stop", **more}


def streamed(texts: dict[str, str], **more: Any) -> dict[str, Any]:
    return {
        "texts": texts,
        "roles": [[index, "assistant"] for index in texts],
        "finish_reasons": dict.fromkeys(texts, "stop"),
        "calls": {},
        "usages": [],
        "without_choice": 0,
        "distinct_ids": 1,
        "http_requests": 1,
        **more,
    }


def error(kind: str, status: int | None, code: str | None, param: str | None = None, **more: Any) -> dict[str, Any]:
    return {
        "class": kind, "status": status, "code": code, "type": INVALID, "param": param, "request_id": "req_", **more,
    }  # fmt: skip
