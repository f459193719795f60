from conversations.dialects.openai import models


def test_a_model_is_an_object_of_four_fields() -> None:
    assert models.model(name="a/b", owner="openrouter") == {
        "id": "a/b",
        "object": "model",
        "created": 1626777600,
        "owned_by": "openrouter",
    }
