"""Where a model's questions go, by the environment and by the admin's table."""

from collections.abc import Iterator
from typing import Any

import pytest

from conversations import errors, routing
from conversations.routing import table
from conversations.routing.table import Access, AdminTable, TargetRow
from conversations.values.requests import Operation


@pytest.fixture(autouse=True)
def only_openai(settings: Any) -> Iterator[None]:
    settings.VENDOR_SETTINGS = {"OPENAI_API_KEY": "sk-1"}
    settings.DEFAULT_VENDOR = ""
    yield
    table.install(AdminTable())


def names(model: str = "gpt-4o") -> list[str]:
    return [routed.name for routed in routing.for_model(model)]


@pytest.mark.parametrize(
    ("given", "keys"),
    [
        ("sk-1", ["sk-1"]),
        ("sk-1,sk-2", ["sk-1", "sk-2"]),
        (" sk-1 , , sk-2,sk-1, ", ["sk-1", "sk-2"]),
    ],
)
def test_several_keys_of_the_environment_are_targets(settings: Any, given: str, keys: list[str]) -> None:
    settings.VENDOR_SETTINGS = {"OPENAI_API_KEY": given, "OPENAI_BASE_URL": "http://proxy/v1"}

    found = routing.for_model("gpt-4o")

    assert [routed.target.api_key for routed in found] == keys
    assert {routed.target.base_url for routed in found} == {"http://proxy/v1"}
    assert len({routed.id for routed in found}) == len(keys)
    assert found[0].name == "openai / OPENAI_API_KEY / gpt-4o"


def test_commas_alone_are_no_key(settings: Any) -> None:
    settings.VENDOR_SETTINGS = {"OPENAI_API_KEY": " , "}

    with pytest.raises(errors.ModelNotConfigured, match="OPENAI_API_KEY"):
        routing.for_model("gpt-4o")


def test_no_key_is_shown_by_a_target_or_its_names() -> None:
    assert "sk-1" not in repr(routing.for_model("gpt-4o"))
    assert "sk-1" not in repr(Access("main", "sk-1"))


def test_the_admins_keys_replace_the_environments_for_all_models_of_the_vendor() -> None:
    table.install(AdminTable(1, {"openai": [Access("main", "sk-2", pk=1), Access("spare", "sk-3", weight=3, pk=2)]}))

    assert names() == ["openai / main / gpt-4o", "openai / spare / gpt-4o"]
    assert [routed.weight for routed in routing.for_model("o3")] == [1, 3]


def test_the_admins_targets_replace_the_catalogues_for_one_model() -> None:
    table.install(
        AdminTable(
            1,
            {"deepseek": [Access("deep", "sk-9", base_url="http://inside/v1", max_concurrent=4, pk=7)]},
            {"gpt-4o": [TargetRow("deepseek", access_pk=7, upstream_model="deepseek-chat", priority=2, weight=5)]},
        )
    )

    (routed,) = routing.for_model("gpt-4o")

    target = routed.target
    assert (target.vendor, target.model, target.base_url) == ("deepseek", "deepseek-chat", "http://inside/v1")
    assert (target.context_window, target.max_output_tokens) == (128_000, 8_192)
    assert (routed.priority, routed.weight, routed.max_concurrent) == (2, 5, 4)
    assert target.quirks == {"no_developer_role", "only_max_tokens"}
    assert names("gpt-4") == ["openai / OPENAI_API_KEY / gpt-4"]


def test_an_alias_has_the_targets_of_its_model_with_its_own_options() -> None:
    table.install(AdminTable(1, {"openai": [Access("main", "sk-2", pk=1)]}, {"o3-mini": [TargetRow("openai", 1)]}))

    (routed,) = routing.for_model("o3-mini-high")

    assert (routed.name, routed.target.options) == ("openai / main / o3-mini", {"reasoning_effort": "high"})


@pytest.mark.parametrize("row", [TargetRow("openai", access_pk=99), TargetRow("gone"), TargetRow("xai")])
def test_a_target_that_cannot_be_asked_is_as_if_it_were_not_there(row: TargetRow) -> None:
    table.install(AdminTable(1, {}, {"gpt-4o": [row], "house": [row]}))

    assert names() == ["openai / OPENAI_API_KEY / gpt-4o"]
    with pytest.raises(errors.UnknownModel):
        routing.for_model("house")


def test_a_target_without_a_key_is_one_for_each_key_of_its_vendor(settings: Any) -> None:
    settings.VENDOR_SETTINGS = {"XAI_API_KEY": "a,b"}
    table.install(AdminTable(1, {}, {"gpt-4o": [TargetRow("xai", upstream_model="grok-3", weight=2)]}))

    assert names() == ["xai / XAI_API_KEY / grok-3", "xai / XAI_API_KEY 2 / grok-3"]


def test_a_model_of_the_admins_own_is_configured_and_listed() -> None:
    rows = [TargetRow("openai", upstream_model="gpt-4o", context_window=5_000), TargetRow("openai", priority=2)]
    table.install(AdminTable(1, {}, {"house": rows}))

    assert [routed.target.model for routed in routing.for_model("house")] == ["gpt-4o", "house"]
    assert "house" in [entry.name for entry in routing.configured_entries()]
    assert routing.context_window("house", operation=Operation.CHAT) == 128_000
    with pytest.raises(errors.InvalidRequest):
        routing.for_model("house", operation=Operation.EMBEDDING)


def test_a_field_goes_only_where_every_target_takes_it() -> None:
    keys = {"openai": [Access("o", "1", pk=1)], "deepseek": [Access("d", "2", pk=2)]}
    rows = [TargetRow("deepseek", access_pk=2), TargetRow("openai", access_pk=1)]
    table.install(AdminTable(1, keys, {"deepseek-chat": rows, "deepseek-reasoner": rows[:1]}))

    assert routing.taken_fields("deepseek-chat", {"thinking": 1}) == {}
    assert routing.taken_fields("deepseek-reasoner", {"thinking": 1}) == {"thinking": 1}


def test_names_that_callers_make_up_share_one_id(settings: Any) -> None:
    settings.DEFAULT_VENDOR = "openai"

    ids = {routing.for_model(f"made-up-{number}")[0].id for number in range(100)}

    assert len(ids) == 1
    assert ids.pop().endswith(":*")


def test_another_key_or_address_has_another_id(settings: Any) -> None:
    before = routing.for_model("gpt-4o")[0].id
    settings.VENDOR_SETTINGS = {"OPENAI_API_KEY": "sk-2"}
    other_key = routing.for_model("gpt-4o")[0].id
    settings.VENDOR_SETTINGS = {"OPENAI_API_KEY": "sk-1", "OPENAI_BASE_URL": "http://elsewhere/v1"}
    elsewhere = routing.for_model("gpt-4o")[0].id

    assert len({before, other_key, elsewhere}) == 3
    assert "sk-1" not in before
