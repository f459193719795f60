"""What is the same word, in any script."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversations.knowledge import terms


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("The Énergie of CAFÉS", {"the": 1, "energie": 1, "of": 1, "cafe": 1}),
        ("cities, glass, bus, boxes", {"city": 1, "glass": 1, "bus": 1, "boxe": 1}),
        ("ｖ２ ﬁle", {"v2": 1, "file": 1}),
        ("北京大学", {"北京": 1, "京大": 1, "大学": 1}),
        ("哈哈哈", {"哈哈": 2}),
        ("用Python写", {"python": 1}),
        ("東京タワー", {"東京": 1, "京タ": 1, "タワ": 1, "ワー": 1}),
        ("학교에서", {"학교": 1, "교에": 1, "에서": 1}),
        ("が ガ", {}),
        ("й ё", {"и": 1, "е": 1}),
        ("RUN_MAX_ATTEMPTS", {"run_max_attempts": 1, "run": 1, "max": 1, "attempt": 1}),
        ("v1.2.3", {"v1.2.3": 1, "v1": 1, "2": 1, "3": 1}),
        ("C++ and C#", {"c": 2, "c++": 1, "c#": 1, "and": 1}),
        (
            "https://docs.example.com/a?b=c",
            {"http": 1, "docs.example.com": 1, "doc": 1, "example": 1, "com": 1, "a": 1, "b": 1, "c": 1},
        ),
        ("ann@example.com", {"ann@example.com": 1, "ann": 1, "example": 1, "com": 1}),
        ("x" * 65, {}),
        ("\x00!?", {}),
        ("", {}),
    ],
)
def test_words_of_a_text(text: str, words: dict[str, int]) -> None:
    assert terms.counts(text) == words


def test_a_character_alone_is_a_word_of_the_question() -> None:
    assert terms.asked("猫?") == {"猫": 1}
    assert terms.asked("猫咪") == {"猫咪": 1}
    assert terms.single_characters("一只猫 cat") == {"一", "只", "猫"}


@given(
    st.lists(
        st.one_of(
            st.sampled_from(
                ["run_max", "C++", "v1.2", "北京", "哈哈哈", "cities", "Ω", "é", "ガ", " ", ".", "，", "a"]
            ),
            st.text(max_size=4),
        ),
        max_size=12,
    ).map("".join)
)
def test_wanted_words_are_counted_as_all_words_are(text: str) -> None:
    everything = terms.counts(text)
    wanted = list(everything)

    assert terms.Occurrences(wanted).of(text) == list(everything.values())


@given(st.text(alphabet="aB1sé.-_+#@: 你好ァ\u0300，", max_size=60))
def test_the_length_of_a_text_is_the_number_of_its_words(text: str) -> None:
    assert terms.length(text) == terms.counts(text).total()
