from math import isclose

import pytest

from providers.echo.feature_hashing import vector
from providers.messages import BareText


def likeness(first: str, second: str) -> float:
    return sum(a * b for a, b in zip(vector(first, dimensions=256), vector(second, dimensions=256), strict=True))


@pytest.mark.parametrize("text", ["Hello", "你好，世界", " ", "", (1, 2, 3), [7], "aaaaaaaaaaaaaaaa"])
@pytest.mark.parametrize("dimensions", [1, 3, 256])
def test_makes_a_vector_of_length_one(text: BareText, dimensions: int) -> None:
    made = vector(text, dimensions=dimensions)

    assert len(made) == dimensions
    assert isclose(sum(number * number for number in made), 1.0)


def test_makes_the_same_vector_of_the_same_text_for_ever() -> None:
    assert [round(number, 4) for number in vector("Hello there", dimensions=4)] == [0.0, -0.7071, 0.0, -0.7071]


def test_makes_close_vectors_of_similar_texts() -> None:
    assert likeness("The cat sat on the mat", "the cat sat on the mats") > 0.8
    assert likeness("The cat sat on the mat", "Quarterly revenue grew") < 0.4
    assert likeness("今天天气很好", "今天的天气很好") > likeness("今天天气很好", "数据库连接失败") + 0.3
