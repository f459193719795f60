import pytest

from conversations import ids
from conversations.values import msg_keys

RUN = "run_0193f27a6b494701b6886b9ac2346147"
KEY = "api_0193f27a-6b49-4701-b688-6b9ac2346147"


def test_is_the_runs_id_as_a_uuid() -> None:
    assert msg_keys.of_run(RUN) == KEY
    assert msg_keys.run_id(KEY) == RUN
    assert msg_keys.run_id(KEY.upper().replace("API", "api")) == RUN


def test_every_new_id_comes_back() -> None:
    new = ids.new_run_id()

    assert msg_keys.run_id(msg_keys.of_run(new)) == new


@pytest.mark.parametrize(
    "given",
    [
        "",
        "api_",
        RUN,
        KEY[4:],
        KEY.replace("-", ""),
        f" {KEY}",
        f"{KEY}\n",
        KEY[:-1],
        f"api_{{{KEY[4:]}}}",
        "api_x" * 9,
    ],
)
def test_what_is_no_key_names_no_run(given: str) -> None:
    assert msg_keys.run_id(given) is None
