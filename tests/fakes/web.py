"""The web on loopback: search engines of all kinds behind one address, and the pages that they find.

    with FakeWeb() as web:
        web.page("/paris", "<html>…")                   # at web.url("/paris")
        web.finds(("Paris", web.url("/paris"), "the <b>capital</b>"))
        … SEARXNG_URL, BRAVE_BASE_URL or TAVILY_BASE_URL is web.base_url …
        assert web.asked[0].fields["q"] == "…"
        web.script(answers(429))                        # the next requests to engines, in order (receiver.py)

`asked` are the requests to engines, `opened` the paths of pages. All methods are thread-safe.
"""

import json
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from tests.fakes.receiver import Behaviour

Found = tuple[str, str, str]


@dataclass(frozen=True)
class Asked:
    """One request to an engine: `fields` of its query, or of its JSON. Header names are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    fields: Mapping[str, Any]


class FakeWeb:
    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.opened: list[str] = []
        self.results: list[Found] = []
        self._pages: dict[str, tuple[str, bytes] | Behaviour] = {}
        self._script: deque[Behaviour] = deque()
        self.closed = threading.Event()
        web = self

        class Handler(_Handler):
            fake = web

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.base_url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closed.set()
        self._server.shutdown()
        self._server.server_close()

    def reset(self) -> None:
        self.asked, self.opened, self.results = [], [], []
        self._pages.clear()
        self._script.clear()

    def url(self, path: str) -> str:
        return self.base_url + path

    def page(self, path: str, content: str | bytes | Behaviour, *, media_type: str = "text/html") -> str:
        """Its URL."""
        data = content.encode() if isinstance(content, str) else content
        self._pages[path] = (media_type, data) if isinstance(data, bytes) else data
        return self.url(path)

    def finds(self, *results: Found) -> None:
        self.results = list(results)

    def script(self, *behaviours: Behaviour) -> None:
        self._script.extend(behaviours)

    def next_behaviour(self) -> Behaviour | None:
        return self._script.popleft() if self._script else None

    def content(self, path: str) -> tuple[str, bytes] | Behaviour | None:
        return self._pages.get(path)

    def answer(self, asked: Asked) -> Any:
        """In the engine's own form (docs/search.md)."""
        is_brave = asked.path == "/res/v1/web/search"
        name = "description" if is_brave else "content"
        found = [{"title": title, "url": url, name: text} for title, url, text in self.results]
        if is_brave:
            query = {"original": asked.fields["q"]}
            return {"type": "search", "query": query, "web": {"type": "search", "results": found}}
        if asked.method == "POST":
            return {"query": asked.fields["query"], "results": found, "request_id": "r"}
        rest: dict[str, Any] = {"answers": [], "corrections": [], "infoboxes": [], "suggestions": []}
        return {"query": asked.fields["q"], "results": found, **rest, "unresponsive_engines": []}


class _Handler(BaseHTTPRequestHandler):
    fake: FakeWeb
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        if url.path in ("/search", "/res/v1/web/search"):
            self._engine(url.path, dict(parse_qsl(url.query)))
        else:
            self.fake.opened.append(self.path)
            self._content(self.fake.content(self.path))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self._engine(self.path, json.loads(body))

    def _engine(self, path: str, fields: Mapping[str, Any]) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        asked = Asked(self.command, path, headers, fields)
        self.fake.asked.append(asked)
        behaviour = self.fake.next_behaviour()
        self._content(behaviour or ("application/json", json.dumps(self.fake.answer(asked)).encode()))

    def _content(self, content: tuple[str, bytes] | Behaviour | None) -> None:
        if isinstance(content, tuple):
            media_type, data = content
            self.send_response(200)
            self.send_header("Content-Type", media_type)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
        elif content is None:
            self.send_error(404)
        else:
            self.close_connection = True
            try:
                content(self.connection, self.fake.closed)
            except OSError:
                return

    def log_message(self, *_: object) -> None:
        """Nothing."""
