import time

from conversations import ids


def test_a_timed_id_says_to_the_second_when_it_was_given_out() -> None:
    before = int(time.time())

    made = ids.unix_seconds(ids.new_run_id())

    assert before <= made <= int(time.time())
    assert ids.unix_seconds("run_018bcfe56900ffffffffffffffffffff") == 1_700_000_000


def test_an_id_of_another_form_says_no_time() -> None:
    assert [ids.unix_seconds(given) for given in ("", "run_", "run_zzz", "thread")] == [0, 0, 0, 0]


def test_the_part_after_the_prefix_is_what_tells_ids_apart() -> None:
    assert ids.unprefixed("run_01ab") == "01ab"
