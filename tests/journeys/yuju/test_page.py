"""Journey: the commands in docs/yuju.md do what it says."""

import re
import subprocess
from pathlib import Path

import orjson

from tests.fakes.replies import Json
from tests.journeys.clients.aichat import new_id
from tests.journeys.clients.yuju import Yuju, parsed

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "yuju.md").read_text(encoding="utf-8")
SAMPLE = re.compile(r"<!-- sample: (\w+) -->\n```sh\n(.*?)```\n(?:\n```\n(.*?)```\n)?", re.DOTALL)
SAMPLES = {name: (command, shown) for name, command, shown in SAMPLE.findall(PAGE)}


def run(yuju: Yuju, name: str) -> bytes:
    """What the command prints."""
    environment = {"PATH": "/usr/bin:/bin", "PARLEY_URL": yuju.base_url, "PARLEY_KEY": yuju.key, "VISITOR": new_id()}
    command = ["sh", "-eu", "-c", SAMPLES[name][0]]
    return subprocess.run(command, env=environment, capture_output=True, check=True, timeout=60).stdout


def answers(output: bytes) -> list[Json]:
    return [orjson.loads(one) for one in output.replace(b"}{", b"}\n{").split(b"\n")]


def test_every_sample_is_run() -> None:
    assert SAMPLES.keys() == {"first", "base64", "memory", "stream", "refused"}


def test_the_first_answer_is_the_one_that_is_shown(yuju: Yuju) -> None:
    (answer,) = answers(run(yuju, "first"))

    shown = orjson.loads(SAMPLES["first"][1])
    assert {**answer, "msgKey": shown["msgKey"]} == shown


def test_base64_is_read(yuju: Yuju) -> None:
    (answer,) = answers(run(yuju, "base64"))

    assert answer["desc"] == "[echo] Received 1 message. The last question: 今天的日期"


def test_the_second_question_remembers_the_first(yuju: Yuju) -> None:
    first, second = answers(run(yuju, "memory"))

    assert first["desc"] == "[echo] Received 1 message. The last question: 我的名字是小明"
    assert second["desc"] == "[echo] Received 3 messages. The last question: 我叫什么"


def test_the_stream_has_the_events_that_are_shown(yuju: Yuju) -> None:
    output = run(yuju, "stream")
    *words, last = parsed(output)
    *_, shown = (orjson.loads(line[6:]) for line in SAMPLES["stream"][1].split("\n") if line.startswith("data: {"))

    assert output.startswith(b"id: ")
    assert "".join(event["desc"] for event in words) == "[echo] Received 1 message. The last question: Hi"
    assert {**last, "msgKey": "api_…"} == shown


def test_the_refusal_is_the_envelope(yuju: Yuju) -> None:
    (refused,) = answers(run(yuju, "refused"))

    assert refused == {"Code": 401, "Data": None, "Msg": "没有权限"}
