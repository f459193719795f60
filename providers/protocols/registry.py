"""The list of protocols, and `open_call`, the one way to ask a model.

A protocol over HTTP is an `HttpProtocol` of its own folder and one line here. `echo` answers within the process.
"""

import typing
from collections.abc import Callable, Mapping
from functools import partial

from providers.calls import fan_out
from providers.calls.base import Call
from providers.calls.fan_out import FanOutCall
from providers.calls.http_call import HttpCall
from providers.catalog import Target
from providers.echo.call import EchoCall
from providers.messages import Request
from providers.protocols.openai.protocol import OPENAI
from providers.transport.http import Transport


class Opener(typing.Protocol):
    def __call__(self, request: Request, target: Target, *, transport: Transport) -> Call:
        """A call for one answer to each question."""


def _open_echo(request: Request, target: Target, *, transport: Transport) -> Call:
    return EchoCall(request)


PROTOCOLS: Mapping[str, Opener] = {
    "openai": partial(HttpCall, protocol=OPENAI),
    "echo": _open_echo,
}


def open_call(
    request: Request,
    target: Target,
    *,
    transport: Transport,
    protocols: Mapping[str, Opener] = PROTOCOLS,
    may_go_on: Callable[[], bool] = fan_out.always,
) -> Call:
    """Nothing is sent before the first event is asked for; all ProviderErrors come from iterating.

    `may_go_on` is asked before each further request for answers that the vendor left out (`fan_out`). Raises KeyError
    for a protocol that is not in `protocols`: a mistake in the catalogue, which a test rules out.
    """
    open_one = partial(protocols[target.protocol], target=target, transport=transport)
    if fan_out.wanted(request) == 1:
        return open_one(request)
    return FanOutCall(request, open_one=open_one, may_go_on=may_go_on)
