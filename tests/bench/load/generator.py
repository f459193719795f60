"""The load generator, a process of its own: reads one job from standard input, writes its outcome to standard output.

Run as `python -m tests.bench.load.generator`. It prints `open` once every client has the first byte of an answer. Any
wrong answer ends it with a traceback, because figures of a broken run have no value.
"""

import asyncio
import sys
import time
from itertools import count

import uvloop

from tests.bench.load import wire_parsers
from tests.bench.load.connection import Connection, Response
from tests.bench.load.job import Job, Outcome


class Load:
    def __init__(self, job: Job) -> None:
        self._job = job
        self._numbers = count()
        self._conversations = iter(job.conversations)
        self._until = time.monotonic() + job.seconds
        self._waiting = job.clients
        self._first_ms: list[float] = []
        self._total_ms: list[float] = []
        self._lag_ms: list[float] = []

    async def run(self) -> Outcome:
        began, cpu = time.monotonic(), time.process_time()
        async with asyncio.TaskGroup() as tasks:
            for number in range(self._job.clients):
                tasks.create_task(self._client(number))
        return Outcome(
            turns=len(self._total_ms),
            seconds=time.monotonic() - began,
            cpu_seconds=time.process_time() - cpu,
            first_ms=self._first_ms,
            total_ms=self._total_ms,
            lag_ms=self._lag_ms,
        )

    async def _client(self, number: int) -> None:
        await asyncio.sleep(self._job.ramp_seconds * number / self._job.clients)
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(
            lambda: Connection(on_first=self._count_open), "127.0.0.1", self._job.port
        )
        while await self._converse(connection):
            pass
        connection.close()

    def _count_open(self) -> None:
        self._waiting -= 1
        if self._waiting == 0:
            sys.stdout.write("open\n")
            sys.stdout.flush()

    async def _converse(self, connection: Connection) -> bool:
        """Ask the turns of one conversation; False when no time or work is left."""
        job = self._job
        conversation_id = next(self._conversations, "")
        if job.conversations and not conversation_id:
            return False
        for turn in range(1 if job.conversations else job.turns_each):
            number = next(self._numbers)
            if number >= job.turns or time.monotonic() > self._until:
                return False
            conversation_id = await self._turn(connection, number, conversation_id, job.messages + 2 * turn)
        return True

    async def _turn(self, connection: Connection, number: int, conversation_id: str, messages: int) -> str:
        job, nonce = self._job, f"q{number:06d}"
        response = await connection.ask(
            wire_parsers.request(job, job.script.question(nonce), conversation_id=conversation_id)
        )
        found_id, text = wire_parsers.read(job.form, response)
        job.script.check(text, nonce=nonce, messages=messages + 1)
        if conversation_id and found_id != conversation_id:
            raise ValueError(f"asked in {conversation_id}, answered in {found_id}")
        self._note(response)
        return found_id

    def _note(self, response: Response) -> None:
        self._first_ms.append((response.pieces[0][0] - response.asked_at) * 1000)
        self._total_ms.append((response.ended_at - response.asked_at) * 1000)
        if self._job.lag_until:
            self._lag_ms += wire_parsers.lags(self._job, response)


if __name__ == "__main__":
    outcome = uvloop.run(Load(Job.read(sys.stdin.buffer.readline())).run())
    # Opened with a buffer: unbuffered output (PYTHONUNBUFFERED) writes only as much as fits the pipe.
    with open(sys.stdout.fileno(), "wb", closefd=False) as out:
        out.write(outcome.line())
