"""Calls of HTTP tools: one request, through the guard, and of its response what a model can read."""

import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

import orjson

from conversations.outbound import guard, http, lookups
from conversations.outbound.errors import OutboundError
from conversations.outbound.http import Client, Response
from conversations.tools import responses, results, templates
from conversations.tools.templates import UnusableArgument
from conversations.values.tools import ArgumentsIn, HttpEndpoint, ToolOutcome

JSON_TYPE = {"Content-Type": "application/json"}
REDIRECTED = "The tool answered with a redirect, which is not followed."


class HttpCaller:
    """`client` must have as many connections as there are calls at once: a call waits for none."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def call(
        self,
        endpoint: HttpEndpoint,
        arguments: Mapping[str, Any],
        *,
        account_id: int,
        seconds: float,
        max_bytes: int,
    ) -> ToolOutcome:
        began = time.monotonic()
        try:
            url, body = _request(endpoint, arguments)
            headers = {**(JSON_TYPE if body is not None else {}), **endpoint.headers}
            with (
                lookups.asked_for(account_id),
                http.send(
                    self._client, endpoint.method, url,
                    headers=headers, body=body, seconds=seconds, body_bytes=max_bytes + 1,
                ) as response,
            ):  # fmt: skip
                return _outcome(response, began, max_bytes)
        except UnusableArgument as exc:
            return ToolOutcome(exc.message, is_error=True)
        except OutboundError as exc:
            return ToolOutcome(f"The tool failed: {exc.message}.", is_error=True, seconds=time.monotonic() - began)


def _request(endpoint: HttpEndpoint, arguments: Mapping[str, Any]) -> tuple[str, bytes | None]:
    """Raises UnusableArgument, also for a URL that became too long."""
    url, others = templates.filled(endpoint.url, arguments)
    if endpoint.arguments_in is ArgumentsIn.BODY:
        return url, orjson.dumps(others)
    if others:
        pairs = [(name, templates.text(one)) for name, value in others.items() for one in _each(value)]
        url += ("&" if "?" in url else "?") + urlencode(pairs, quote_via=quote)
    if len(url) > guard.URL_MAX_CHARS:
        raise UnusableArgument(f"The arguments make a URL of more than {guard.URL_MAX_CHARS} characters.")
    return url, None


def _each(value: Any) -> list[Any]:
    """An array is given as one parameter for each of its elements, null as none."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _outcome(response: Response, began: float, max_bytes: int) -> ToolOutcome:
    status = response.status_code
    if response.has_redirect_location:
        return ToolOutcome(REDIRECTED, is_error=True, status=status, seconds=time.monotonic() - began)
    found, is_cut = responses.text(response, max_bytes=max_bytes)
    is_error = not response.is_success
    shown = f"HTTP {status}\n{found}" if is_error else found
    shown, is_cut = results.bounded(shown, max_bytes=max_bytes, is_cut=is_cut)
    return ToolOutcome(shown, is_error=is_error, status=status, seconds=time.monotonic() - began, is_cut=is_cut)
