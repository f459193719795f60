import pytest

from conversations.dialects import model_names
from conversations.errors import InvalidRequest


@pytest.mark.parametrize("name", ["", "gpt-4", "deepseek/模型", "m" * model_names.MAX_CHARS])
def test_is_the_name_itself(name: str) -> None:
    assert model_names.checked(name) == name


@pytest.mark.parametrize("name", ["m" * (model_names.MAX_CHARS + 1), "a\x00b", "\ud800"])
def test_refuses_what_cannot_be_one(name: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        model_names.checked(name)

    assert refused.value.param == "model"
