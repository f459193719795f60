"""MCP servers on loopback: a real one of the package `mcp`, and one whose answers a test scripts to the byte.

with McpServer() as server:
    … server.url …                       # tools add, fail, picture; everything else as MCP says
with ScriptedMcpServer({"tools/list": answers({"tools": []})}) as server:
    … server.methods …
"""

import json
import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import uvicorn
from mcp.server.mcpserver import Image, MCPServer

from tests.waiting import eventually

SECRET = "Bearer mcp-secret-0123456789"
SESSION = "session-0123456789"


class McpServer:
    """Real, over uvicorn. `authorizations` are those of all requests."""

    def __init__(self) -> None:
        self.authorizations: list[str | None] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/mcp"
        config = uvicorn.Config(self._app(), log_config=None, lifespan="on")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._socket]}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        eventually(lambda: self._server.started, bool)
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(30)

    def _app(self) -> Any:
        server = MCPServer("fake", log_level="CRITICAL")
        for tool in (add, fail, picture):
            server.tool()(tool)
        app = server.streamable_http_app()

        async def noting(scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] == "http":
                found = dict(scope["headers"]).get(b"authorization")
                self.authorizations.append(found.decode() if found else None)
            await app(scope, receive, send)

        return noting


def add(a: int, b: int) -> int:
    """Adds two numbers."""
    return a + b


def fail() -> str:
    """Always fails."""
    raise ValueError("This cannot be done.")


def picture() -> Image:
    """Shows a picture."""
    return Image(data=b"\x89PNG" + b"0" * 100, format="png")


Script = Callable[["Handler", Any], None]


def answers(result: Any) -> Script:
    """A JSON-RPC result."""
    return lambda handler, request: handler.reply({"jsonrpc": "2.0", "id": request.get("id"), "result": result})


def refuses(code: int, message: str) -> Script:
    error = {"code": code, "message": message}
    return lambda handler, request: handler.reply({"jsonrpc": "2.0", "id": request.get("id"), "error": error})


def sends(body: bytes, *, status: int = 200, **headers: str) -> Script:
    """Header names with _ for -."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda handler, _request: handler.send(status, body, {"Content-Type": "application/json", **named})


def stalls(handler: "Handler", _request: Any) -> None:
    handler.server.over.wait(60)


class ScriptedMcpServer:
    """Shakes hands as servers before 2026 do; `scripts` say what it does otherwise, by method."""

    def __init__(self, scripts: Mapping[str, Script]) -> None:
        self.methods: list[str] = []
        self._server = _Server({**HANDSHAKE, **scripts}, self.methods)
        self.url = f"http://127.0.0.1:{self._server.server_port}/mcp"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.over.set()
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, scripts: Mapping[str, Script], methods: list[str]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.scripts, self.methods, self.over = scripts, methods, threading.Event()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self._run(request["method"], request)

    def do_DELETE(self) -> None:
        self._run("DELETE", {})

    def do_GET(self) -> None:
        self._run("GET", {})

    def _run(self, method: str, request: Any) -> None:
        self.server.methods.append(method)
        with suppress(OSError):
            self.server.scripts[method](self, request)

    def reply(self, message: Any) -> None:
        self.send(200, json.dumps(message).encode(), {"Content-Type": "application/json", "Mcp-Session-Id": SESSION})

    def send(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


HANDSHAKE: Mapping[str, Script] = {
    "server/discover": refuses(-32601, "Method not found"),
    "initialize": answers(
        {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}, "serverInfo": {"name": "x", "version": "1"}}
    ),
    "notifications/initialized": sends(b"", status=202),
    "DELETE": sends(b""),
    "GET": sends(b"", status=405),
    "tools/list": answers({"tools": []}),
    "tools/call": answers({"content": []}),
}
