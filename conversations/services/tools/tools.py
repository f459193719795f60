"""HTTP tools: made, changed and deleted."""

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import fields as fields_of
from typing import Any

from conversations.errors import InvalidRequest
from conversations.models import Tool
from conversations.models.tools.tools import DESCRIPTION_MAX_CHARS
from conversations.queries.tools import tools as tool_queries
from conversations.services.accounts.quotas import Quota
from conversations.services.tools import headers as tool_headers
from conversations.services.tools import rows
from conversations.services.tools.rows import Fields
from conversations.tools import schemas, templates
from conversations.tools.schemas import UnusableSchema
from conversations.values.tools import ArgumentsIn

NO_PARAMETERS: Mapping[str, Any] = {"type": "object", "properties": {}}
WITHOUT_BODY = (Tool.Method.GET.value, Tool.Method.DELETE.value)


@dataclass(frozen=True, slots=True)
class ToolFields(Fields):
    description: str | None = None
    parameters: Mapping[str, Any] | None = None
    method: str | None = None
    arguments_in: str | None = None
    is_idempotent: bool | None = None


PLAIN_FIELDS = tuple(field.name for field in fields_of(ToolFields) if field.name not in ("url", "headers"))


def create(*, account_id: int, fields: ToolFields) -> Tool:
    """Raises InvalidRequest, also without a name or a URL, and QuotaExceeded."""
    tool = Tool(account_id=account_id, parameters=NO_PARAMETERS, method=Tool.Method.POST, header_names=[])
    _apply(tool, fields)
    rows.insert(tool, quota=Quota.TOOLS)
    return tool_queries.for_account(account_id=account_id, tool_id=tool.public_id)


def change(*, account_id: int, tool_id: str, fields: ToolFields) -> Tool:
    """Raises NotFound and InvalidRequest."""
    rows.change(Tool, account_id=account_id, public_id=tool_id, fields=fields, apply=_apply)
    return tool_queries.for_account(account_id=account_id, tool_id=tool_id)


def set_enabled(*, tool_ids: list[int], is_enabled: bool) -> int:
    return rows.set_enabled(Tool, keys=tool_ids, is_enabled=is_enabled)


def delete(*, account_id: int, tool_id: str) -> None:
    """With its headers. Raises NotFound."""
    rows.delete(Tool, account_id=account_id, public_id=tool_id)


def _apply(tool: Tool, fields: ToolFields) -> list[str]:
    """Sets what is given; the names of the columns. Raises InvalidRequest for what the tool then would be."""
    _check(fields)
    values = {name: value for name in PLAIN_FIELDS if (value := getattr(fields, name)) is not None}
    if fields.method is not None or fields.arguments_in is not None or tool._state.adding:
        method = fields.method or tool.method
        default = ArgumentsIn.QUERY if method in WITHOUT_BODY else ArgumentsIn.BODY
        values["arguments_in"] = fields.arguments_in or default.value
    if fields.url is not None:
        values["url"] = templates.template(fields.url)
    if fields.headers is not None:
        values |= tool_headers.sealed(fields.headers)
    for name, value in values.items():
        setattr(tool, name, value)
    _check_request(tool)
    return list(values)


def _check(fields: ToolFields) -> None:
    rows.check(fields)
    if fields.description is not None and len(fields.description) > DESCRIPTION_MAX_CHARS:
        raise InvalidRequest(f"description is longer than {DESCRIPTION_MAX_CHARS} characters", param="description")
    if fields.parameters is not None:
        try:
            schemas.check(fields.parameters)
        except UnusableSchema as exc:
            raise InvalidRequest(f"parameters: {exc.message}", param="parameters") from exc
    if fields.method is not None and fields.method not in Tool.Method.values:
        raise InvalidRequest(f"method must be one of {', '.join(Tool.Method.values)}", param="method")
    if fields.arguments_in is not None and fields.arguments_in not in set(ArgumentsIn):
        raise InvalidRequest(f"arguments_in must be one of {', '.join(ArgumentsIn)}", param="arguments_in")


def _check_request(tool: Tool) -> None:
    """Whether its parts fit together."""
    if tool.method in WITHOUT_BODY and tool.arguments_in == ArgumentsIn.BODY:
        raise InvalidRequest(f"{tool.method} has no body for arguments", param="arguments_in")
    known = tool.parameters.get("properties", {})
    if unknown := [name for name in templates.names(tool.url) if name not in known]:
        raise InvalidRequest(f"url: {{{unknown[0]}}} is not one of the properties of parameters", param="url")
