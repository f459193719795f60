"""Questions and answers in English and Chinese, of the lengths that chats have. They are made of short word lists.

Few are made and each is used many times: what is costly about a text (its tokens, its JSON) is computed once.
"""

from dataclasses import dataclass
from random import Random
from typing import Any

import orjson

from conversations.relay import codec
from conversations.rules.conversations import resent_history
from conversations.services.runs import records
from providers import serialization, tokens, vectors
from providers.assembly import Answer
from providers.events import EmbeddingMade, TextDelta
from providers.messages import EmbeddingPart, Message, Role, TextPart

QUESTIONS, ANSWERS = 600, 900
CHINESE_SHARE = 0.4
# Median and spread of log-normal lengths, in sentences; a sentence has about 60 characters, or 20 in Chinese.
QUESTION_SENTENCES, ANSWER_SENTENCES = (1.2, 0.6), (8.0, 0.8)
SENTENCES_MAX = 120
# An answer's text came in events of about this many characters.
EVENT_CHARS = 16
DIMENSIONS = 256

SUBJECTS = "our invoice|this report|a new customer|the second draft|the contract|my colleague|the old server"
VERBS = "needs|explains|changes|delays|replaces|confirms|describes|compares"
OBJECTS = "the shipping address|a list of prices|three open questions|the yearly plan|an earlier version"
ENDINGS = "before the end of the month|for the whole team|without further cost|as agreed on Monday|by hand"
CHINESE_SUBJECTS = "这份合同|我们的客户|新的版本|这个系统|财务部门|上次的会议|用户手册|第二季度的报告"
CHINESE_VERBS = "需要说明|已经确认|改变了|推迟了|比较了|重新整理了|详细描述了|还没有包括"
CHINESE_OBJECTS = "交货的时间|三个主要问题|去年的价格|所有的测试结果|付款的条件|后面的步骤|相关的数据|另外两个方案"
CHINESE_ENDINGS = "请尽快处理|以便下周讨论|没有其他费用|供大家参考|和之前商量的一样|可以直接使用"


@dataclass(frozen=True, slots=True)
class Text:
    """`message` is the text as a question, `parts` its stored form as JSON."""

    text: str
    message: Message
    parts: str
    tokens: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class AnswerText:
    """`record` is the JSON of `Run.answer` when this is the whole answer; `stored_record` where a message has it."""

    text: str
    parts: str
    tokens: int
    digest: bytes
    record: str
    stored_record: str


class Texts:
    def __init__(self, random: Random) -> None:
        self.questions = [question(_text(random, QUESTION_SENTENCES)) for _ in range(QUESTIONS)]
        self.answers = [answer(_text(random, ANSWER_SENTENCES)) for _ in range(ANSWERS)]
        # The record of an answer that is a vector.
        self.vector = _vector_record([random.uniform(-1, 1) for _ in range(DIMENSIONS)])


def question(text: str, *more: str) -> Text:
    message = Message(Role.USER, tuple(TextPart(part) for part in (text, *more)))
    return Text(
        text=text,
        message=message,
        parts=dumps(serialization.dump_parts(message.parts)),
        tokens=tokens.estimate_message(message),
        digest=resent_history.digest(message),
    )


def answer(text: str) -> AnswerText:
    made = Answer(0, (TextPart(text),), "stop")
    [row] = records.dump_answer_rows((made,))
    events = [TextDelta(text[begin : begin + EVENT_CHARS]) for begin in range(0, len(text), EVENT_CHARS)]
    return AnswerText(
        text=text,
        parts=dumps(row["parts"]),
        tokens=row["tokens"],
        digest=resent_history.digest(Message(Role.ASSISTANT, made.parts)),
        record=dumps(records.dump_answers((made,), codec.shape(events), have_messages=False)),
        stored_record=dumps(records.dump_answers((made,), codec.shape(events), have_messages=True)),
    )


def _vector_record(numbers: list[float]) -> str:
    packed = vectors.pack(numbers)
    made = Answer(0, (EmbeddingPart(packed),))
    return dumps(records.dump_answers((made,), codec.shape([EmbeddingMade(packed)]), have_messages=False))


def dumps(value: Any) -> str:
    return orjson.dumps(value).decode()


def _text(random: Random, sentences: tuple[float, float]) -> str:
    median, spread = sentences
    number = min(max(1, round(median * random.lognormvariate(0, spread))), SENTENCES_MAX)
    make = _chinese if random.random() < CHINESE_SHARE else _english
    return make(random, number)


def _english(random: Random, number: int) -> str:
    parts = [words.split("|") for words in (SUBJECTS, VERBS, OBJECTS, ENDINGS)]
    return " ".join(" ".join(map(random.choice, parts)).capitalize() + "." for _ in range(number))


def _chinese(random: Random, number: int) -> str:
    lists = (CHINESE_SUBJECTS, CHINESE_VERBS, CHINESE_OBJECTS, CHINESE_ENDINGS)
    subjects, verbs, objects, endings = (words.split("|") for words in lists)
    choose = random.choice
    return "".join(f"{choose(subjects)}{choose(verbs)}{choose(objects)}，{choose(endings)}。" for _ in range(number))
