import struct
from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers import vectors


def test_packs_as_openai_does() -> None:
    """The bytes that `numpy.frombuffer(…, dtype="float32")` reads on any ordinary machine."""
    assert vectors.pack([1.0, -2.0]) == "AACAPwAAAMA="
    assert vectors.unpack("AACAPwAAAMA=") == (1.0, -2.0)


@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1, max_size=20))
def test_gives_back_every_float32_exactly(numbers: list[float]) -> None:
    assert vectors.unpack(vectors.pack(numbers)) == tuple(numbers)


def test_rounds_to_float32() -> None:
    assert vectors.unpack(vectors.pack([0.1])) == struct.unpack("<f", struct.pack("<f", 0.1))


@pytest.mark.parametrize(
    "numbers", [[], ["1"], [None], [1e39], [[1.0]], [1.0, float("nan")], [float("inf"), float("-inf")]]
)
def test_refuses_what_is_not_a_vector(numbers: list[object]) -> None:
    with pytest.raises(ValueError, match="vector"):
        vectors.pack(numbers)


@pytest.mark.parametrize("data", ["", "AAA=", "AAAAAAA=", "A", "你好"])
def test_refuses_what_is_not_packed(data: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        vectors.checked(data)
    with pytest.raises(ValueError, match=r".+"):
        vectors.unpack(data)


@pytest.mark.parametrize("odd", [float("nan"), float("inf"), float("-inf")])
def test_refuses_a_packed_vector_with_a_number_that_is_not_finite(odd: float) -> None:
    packed = b64encode(struct.pack("<3f", 1.0, odd, -2.0)).decode()

    with pytest.raises(ValueError, match="finite"):
        vectors.checked(packed)
