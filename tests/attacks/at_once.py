"""Many requests at the same moment, and what came of each."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

import httpx

Request = Callable[[int], httpx.Response]


def asked(request: Request, *, count: int, threads: int) -> Iterable[object]:
    """The status of each, or what went wrong in its place."""

    def one(number: int) -> object:
        try:
            return request(number).status_code
        except httpx.TransportError as exc:
            return type(exc).__name__

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(one, range(count)))
