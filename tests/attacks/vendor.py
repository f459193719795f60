"""A vendor that obeys the question: `hang`, `endless`, `call` (a tool, eight times), or else a short answer.

There is a receiver, too, that never answers.

Run as `python -m tests.attacks.vendor`. It prints its two ports, and ends when its standard input ends.
"""

import asyncio
import sys
from contextlib import suppress

import orjson
import uvloop

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
_CHUNK = (
    b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":'
    b'[{"index":0,"delta":{"content":"%b"},"finish_reason":%b}]}\n\n'
)
WORD = _CHUNK % (b"word " * 13_000, b"null")
CALLS = 8
ENDING = _CHUNK % (b"Hello.", b'"stop"') + b"data: [DONE]\n\n"


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError, asyncio.IncompleteReadError):
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        body = await reader.readexactly(int(length.partition(b":")[2]))
        if b"hang" in body:
            await reader.read()
        writer.write(HEAD)
        while b"endless" in body:
            writer.write(WORD)
            await writer.drain()
        writer.write(calls(body) if b'"call"' in body and b'"role":"tool"' not in body else ENDING)
        await writer.drain()
    writer.close()


def calls(body: bytes) -> bytes:
    """Different calls of the first tool that the question declares."""
    name = orjson.loads(body)["tools"][0]["function"]["name"]
    called = [
        {
            "index": number,
            "id": f"call_{number}",
            "type": "function",
            "function": {"name": name, "arguments": f'{{"n":{number}}}'},
        }
        for number in range(CALLS)
    ]
    choice = {"index": 0, "delta": {"tool_calls": called}, "finish_reason": "tool_calls"}
    chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
    return b"data: %b\n\ndata: [DONE]\n\n" % orjson.dumps(chunk)


async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while await reader.read(65_536):
            pass
    writer.close()


async def serve() -> None:
    servers = [
        await asyncio.start_server(answer, "127.0.0.1", 0, limit=2**26, backlog=1024),
        # On all of 127.0.0.0/8, so that each address is another receiver.
        await asyncio.start_server(swallow, "0.0.0.0", 0, backlog=1024),
    ]
    sys.stdout.write(" ".join(str(server.sockets[0].getsockname()[1]) for server in servers) + "\n")
    sys.stdout.flush()
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    uvloop.run(serve())
