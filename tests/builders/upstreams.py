"""Keys and targets of vendors on loopback, made through the services as the admin makes them."""

from typing import Any

from conversations.models import UpstreamKey, UpstreamTarget
from conversations.services.upstreams import keys, routes, targets
from tests.fakes.upstream import FakeUpstream

# What `builders.runs` asks for.
MODEL = "gpt-4"


def key(upstream: FakeUpstream | str, name: str = "first", *, secret: str | None = None, **fields: Any) -> UpstreamKey:
    base_url = upstream if isinstance(upstream, str) else upstream.base_url
    made = UpstreamKey(**{"name": name, "vendor": "openai", "base_url": base_url, **fields})
    return keys.save(made, secret=f"sk-{name}" if secret is None else secret)


def target(upstream: FakeUpstream | str, name: str = "first", **fields: Any) -> UpstreamTarget:
    """With a key of its own. This process learns of it at once."""
    made = targets.save(UpstreamTarget(**{"model": MODEL, "key": key(upstream, name), **fields}))
    routes.refresh()
    return made
