"""Sends many requests at the same time."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

import httpx

Request = Callable[[int], httpx.Response]


def send_all(request: Request, *, count: int, threads: int) -> Iterable[object]:
    """The status of each request, or the name of its error."""

    def one(number: int) -> object:
        try:
            return request(number).status_code
        except httpx.TransportError as exc:
            return type(exc).__name__

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(one, range(count)))
