import pytest

from conversations.errors import RateLimited
from conversations.views.runs.reader_places import RETRY_AFTER_SECONDS, ReaderPlaces

ANN, BOB = 1, 2


def test_gives_a_key_so_many_places_and_others_theirs() -> None:
    places = ReaderPlaces(most=2)
    places.take(ANN)
    places.take(ANN)

    with pytest.raises(RateLimited) as refused:
        places.take(ANN)

    assert refused.value.retry_after == RETRY_AFTER_SECONDS
    places.take(BOB)


def test_gives_a_place_again_that_was_given_back() -> None:
    places = ReaderPlaces(most=1)

    for _ in range(3):
        places.take(ANN)
        places.give_back(ANN)

    places.take(ANN)
    with pytest.raises(RateLimited):
        places.take(ANN)
