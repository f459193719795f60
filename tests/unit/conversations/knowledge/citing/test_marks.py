"""Which numbers in brackets cite a source."""

import pytest

from conversations.knowledge.citing import marks


def found(answer: str) -> list[tuple[str, tuple[int, ...]]]:
    return [(answer[mark.start : mark.end], mark.numbers) for mark in marks.find(answer)]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("Rome fell [1].", [("[1]", (1,))]),
        ("Rome fell[1][2]. Then", [("[1]", (1,)), ("[2]", (2,))]),
        ("[1, 2] and [ 3 ]", [("[1, 2]", (1, 2)), ("[ 3 ]", (3,))]),
        ("[1-3] [2–4, 7]", [("[1-3]", (1, 2, 3)), ("[2–4, 7]", (2, 3, 4, 7))]),
        ("首都是北京【1】，人口很多［2］。[3、4]", [("【1】", (1,)), ("［2］", (2,)), ("[3、4]", (3, 4))]),
        ("as 【1†source】 says", [("【1†source】", (1,))]),
        ("see [[1]]", [("[1]", (1,))]),
        ("(NASA)[1] and _Hamlet_[2], plan B[3]", [("[1]", (1,)), ("[2]", (2,)), ("[3]", (3,))]),
        ("- one\n- [1] two", [("[1]", (1,))]),
    ],
)
def test_finds_the_forms_that_models_write(answer: str, expected: list[tuple[str, tuple[int, ...]]]) -> None:
    assert found(answer) == expected


@pytest.mark.parametrize(
    "answer",
    [
        "[0] [1000] [2001-2004] [3-1] [1-900] [x] [^1] []",
        "`a [1]` and ``b ` [2]`` and ```c [3]```",
        "```python\nx = [1]\n```",
        "~~~\n[1]\n```\n[2]\n~~~",
        "    ```\n    [1]\n    ```",
        "``` \nnever closed [1]",
        "[1](https://a.example) ![2]",
        "[1]: https://a.example",
        "text\n[1]: https://a.example",
        "a[1] my_list[2] rows[3] = 4 x[1][2] m[0][1] rows[1].name rows[1]+=2",
    ],
)
def test_takes_nothing_else_for_one(answer: str) -> None:
    assert found(answer) == []


def test_goes_on_behind_code() -> None:
    assert found("```\n[1]\n```\n[2] `[3]` [4] ` [5]\n\n` [6]") == [
        ("[2]", (2,)),
        ("[4]", (4,)),
        ("[5]", (5,)),
        ("[6]", (6,)),
    ]


def test_keeps_a_bounded_number() -> None:
    assert len(marks.find("[1]" * 1_000_000)) == marks.MARKS_MAX


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(unit * (16_000_000 // len(unit)), id=name)
        for name, unit in {
            "indices": "a[1]",
            "backticks": "` ",
            "runs": "` `` ``` ",
            "fences": "```\n",
            "brackets": "[",
            "lists": "[1, ",
            "ranges": "[1-2-3",
            "blank": "\n",
            "footnotes": "【1†",
        }.items()
    ],
)
@pytest.mark.timeout(30)
def test_reads_any_16_megabytes_and_keeps_nothing_of_them(answer: str) -> None:
    assert marks.find(answer) == ()


def test_writes_marks_in_round_brackets() -> None:
    assert marks.in_round_brackets("Rome[2] fell 【3】; x = a[1] `[4]`") == "Rome(2) fell (3); x = a[1] `[4]`"
    assert marks.in_round_brackets("Rome fell.") == "Rome fell."
