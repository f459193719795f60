"""Journey: the commands in docs/yuju-contacts.md do what it says."""

import re
import subprocess
from pathlib import Path
from typing import Any

import orjson

from tests.journeys.clients.yuju import Yuju

PAGE = (Path(__file__).resolve().parents[4] / "docs" / "yuju-contacts.md").read_text(encoding="utf-8")
SAMPLES = dict(re.findall(r"<!-- sample: (\w+) -->\n```sh\n(.*?)```\n", PAGE, re.DOTALL))


def run(yuju: Yuju, name: str) -> Any:
    """The `Data` of what the command prints."""
    environment = {"PATH": "/usr/bin:/bin", "PARLEY_URL": yuju.base_url, "PARLEY_KEY": yuju.key}
    command = ["sh", "-eu", "-c", SAMPLES[name]]
    printed = orjson.loads(subprocess.run(command, env=environment, capture_output=True, check=True, timeout=60).stdout)
    assert (printed["Code"], printed["Msg"]) == (2000, "成功")
    return printed["Data"]


def test_a_contact_is_added_found_and_sent_a_message(new_yuju: Yuju) -> None:
    added, found, sent = run(new_yuju, "add"), run(new_yuju, "search"), run(new_yuju, "send")

    assert SAMPLES.keys() == {"add", "search", "send"}
    assert found == [{"email": None, "id": added["id"], "mobile": "13800138000", "name": "王小明"}]
    assert sent["ActionStatus"] == "OK"
