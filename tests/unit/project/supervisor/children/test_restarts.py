"""When a child that ended is started again."""

from itertools import pairwise

import pytest

from project.supervisor.children.restarts import ExitHistory, pause_seconds, record


def after(*lives: tuple[float, float]) -> ExitHistory:
    exits = ExitHistory()
    for started_at, ended_at in lives:
        exits = record(exits, started_at=started_at, ended_at=ended_at)
    return exits


def lives_of(seconds: float, *, count: int) -> list[tuple[float, float]]:
    """`count` exits of a child that ran equally long each time, started again when its pause was over."""
    lives: list[tuple[float, float]] = []
    exits, now = ExitHistory(), 1000.0
    for _ in range(count):
        lives.append((now, now + seconds))
        exits = record(exits, started_at=now, ended_at=now + seconds)
        now += seconds + pause_seconds(exits)
    return lives


def test_starts_it_again_at_once_after_the_first_deaths() -> None:
    pauses = [pause_seconds(after(*lives_of(0.1, count=count))) for count in (1, 2, 3, 4)]

    assert pauses == [0.0, 0.0, 0.0, 0.0]


def test_pauses_longer_and_longer_from_the_fifth_death_within_the_window() -> None:
    pauses = [pause_seconds(after(*lives_of(0.1, count=count))) for count in range(5, 12)]

    assert pauses == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]


def test_never_pauses_longer_however_often_it_dies() -> None:
    assert pause_seconds(ExitHistory(pauses=5000)) == 30.0


@pytest.mark.parametrize("seconds", [8.0, 20.0, 29.9])
def test_does_not_pause_when_five_deaths_take_longer_than_the_window(seconds: float) -> None:
    assert pause_seconds(after(*lives_of(seconds, count=20))) == 0.0


def test_forgets_the_past_of_a_child_that_lived_as_long_as_the_window() -> None:
    failing = lives_of(0.1, count=8)
    recovered = after(*failing, (2000.0, 2030.0))

    assert recovered == ExitHistory(times=(2030.0,))


def test_keeps_pausing_a_child_that_lives_shorter_than_the_window_after_a_pause() -> None:
    failing = lives_of(0.1, count=5)

    assert pause_seconds(after(*failing, (2000.0, 2029.0))) == 2.0


def test_a_childs_exits_in_these_tests_do_not_overlap() -> None:
    assert all(first[1] <= second[0] for first, second in pairwise(lives_of(0.1, count=8)))
