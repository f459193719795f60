"""Journey: the commands in docs/yuju.md that call the siblings do what it says."""

import re
import subprocess
from pathlib import Path
from typing import Any

import orjson

from tests.journeys.clients import knowledge
from tests.journeys.clients.aichat import Api
from tests.journeys.clients.yuju import Yuju
from tests.waiting import eventually

PAGE = (Path(__file__).resolve().parents[4] / "docs" / "yuju.md").read_text(encoding="utf-8")
SAMPLES = dict(re.findall(r"<!-- sibling: (\w+) -->\n```sh\n(.*?)```\n", PAGE, re.DOTALL))


def data(siblings: Yuju, name: str, **variables: str) -> list[Any]:
    """`Data` of each answer that the commands print."""
    environment = {"PATH": "/usr/bin:/bin", "PARLEY_URL": siblings.base_url, "PARLEY_KEY": siblings.key, **variables}
    command = ["sh", "-eu", "-c", SAMPLES[name]]
    printed = subprocess.run(command, env=environment, capture_output=True, check=True, timeout=60).stdout
    answers = [orjson.loads(one) for one in printed.replace(b'}{"Code"', b'}\n{"Code"').split(b"\n")]
    assert {(answer["Code"], answer["Msg"]) for answer in answers} == {(2000, "成功")}
    return [answer["Data"] for answer in answers]


def test_every_sample_is_run() -> None:
    assert SAMPLES.keys() == {"account", "costs", "knowledge"}


def test_the_account_is_shown(siblings: Yuju) -> None:
    (assistant,), models, balance = data(siblings, "account")

    assert (assistant["name"], assistant["is_default"]) == ("Default", True)
    assert {"key": "echo", "label": "echo"} in models
    assert balance["balance"] is None


def test_the_costs_of_an_answer_are_shown(siblings: Yuju) -> None:
    answer = Yuju(siblings.base_url, siblings.key).answer("你好")

    def costs() -> Any:
        (found,) = data(siblings, "costs", MSG_KEY=answer["msgKey"])
        return found

    (one,) = eventually(costs, lambda found: bool(found["list"]))["list"]
    (assistant,) = siblings.data("GET", "aibot-list")
    assert (one["msg_id"], one["ibot_id"], one["model"]) == (answer["msgKey"], assistant["ibotID"], "echo")
    assert one["total_cost"] == answer["usage"]["total_cost"] == 0
    mine = siblings.data("GET", "cost/details", ibot_id=assistant["ibotID"])["list"]
    assert [found["msg_id"] for found in mine] == [answer["msgKey"]]


def test_knowledge_is_added_and_found(siblings: Yuju, new_api: Api) -> None:
    base = knowledge.make_base(new_api)

    added, listed, _ = data(siblings, "knowledge", REPO_ID=base)
    knowledge.ended(new_api, base, added["file_id"])
    again, _, found = data(siblings, "knowledge", REPO_ID=base)

    assert (listed["total"], listed["list"][0]["file_id"]) == (1, added["file_id"])
    assert again["file_id"] == added["file_id"]
    assert [passage["content"] for passage in found] == ["退款在14天内支付。"]
