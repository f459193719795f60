import pytest

from providers import catalog
from providers.catalog import Catalog

# docs/contract H.1 and H.2, in the order of the documents.
DOCUMENTED = [
    "gpt-5.1",
    "gpt-5.1-all",
    "gpt-5",
    "gpt-5-mini",
    "gpt-5-nano",
    "gpt-5-all",
    "gpt-4",
    "gpt-4-all",
    "gpt-4-turbo",
    "gpt-4-turbo-preview",
    "gpt-4-vision-preview",
    "gpt-4.1",
    "gpt-4.1-2025-04-14",
    "gpt-4.1-mini",
    "gpt-4.1-mini-2025-04-14",
    "gpt-4.1-nano",
    "gpt-4.1-nano-2025-04-14",
    "gpt-4.5-preview",
    "gpt-4.5-preview-2025-02-27",
    "gpt-4o",
    "gpt-4o-2024-05-13",
    "gpt-4o-2024-08-06",
    "gpt-4o-2024-11-20",
    "gpt-4o-all",
    "gpt-4o-image",
    "gpt-4o-mini",
    "gpt-4o-mini-2024-07-18",
    "gpt-4o-mini-search-preview",
    "gpt-4o-mini-search-preview-2025-03-11",
    "gpt-4o-search-preview",
    "gpt-4o-search-preview-2025-03-11",
    "o1",
    "o1-2024-12-17",
    "o1-all",
    "o1-mini",
    "o1-mini-2024-09-12",
    "o1-mini-all",
    "o1-preview",
    "o1-preview-2024-09-12",
    "o1-preview-all",
    "o1-pro",
    "o1-pro-2025-03-19",
    "o1-pro-all",
    "o3",
    "o3-2025-04-16",
    "o3-all",
    "o3-mini",
    "o3-mini-2025-01-31",
    "o3-mini-2025-01-31-high",
    "o3-mini-2025-01-31-low",
    "o3-mini-2025-01-31-medium",
    "o3-mini-all",
    "o3-mini-high",
    "o3-mini-high-all",
    "o3-mini-low",
    "o3-mini-medium",
    "o3-pro",
    "o3-pro-2025-06-10",
    "o4-mini",
    "o4-mini-2025-04-16",
    "o4-mini-all",
    "o4-mini-high-all",
    "deepseek-r1",
    "deepseek-r1-0528",
    "deepseek-v3",
    "deepseek-v3-250324",
    "grok-3",
    "deepseek-v4-flash",
    "deepseek-v4-pro",
    "deepseek-v4.1-flash",
    "glm-3-turbo",
    "glm-4.6",
    "glm-4.7",
    "glm-5",
    "glm-5-turbo",
    "glm-5.1",
    "glm-5.2",
    "glm-5.3",
    "gpt-5.2",
    "gpt-5.4",
    "gpt-5.4-mini",
    "gpt-5.4-nano",
    "gpt-5.4-pro",
    "gpt-5.5",
    "gpt-5.5-pro",
    "gpt-5.6-luna",
    "gpt-5.6-sol",
    "gpt-5.6-sol-fast",
    "gpt-5.6-terra",
    "gpt-6-astra",
    "gpt-6-luna",
    "gpt-6-sol",
    "gpt-6.1-sol",
    "grok-4.5",
    "grok-4.7",
    # docs/contract A.2: names of the guide, outside the documented list; and two that every SDK's examples have.
    "gpt-3.5",
    "gpt-4-vision",
    "gpt-3.5-browsing",
    "gpt-4-browsing",
    "gpt-3.5-turbo",
    "gpt-3.5-turbo-instruct",
]

VENDOR_OF_PREFIX = {"gpt": "openai", "o1": "openai", "o3": "openai", "o4": "openai", "deepseek": "deepseek"}
VENDOR_OF_PREFIX |= {"grok": "xai", "glm": "zai"}


def test_knows_a_hundred_and_one_names() -> None:
    assert len(DOCUMENTED) == len(set(DOCUMENTED)) == 101


@pytest.mark.parametrize("name", DOCUMENTED)
def test_maps_every_documented_name_to_its_vendor(name: str) -> None:
    entry = catalog.builtin().resolve(name)

    assert entry is not None
    assert (entry.name, entry.kind) == (name, "completion" if name.endswith("-instruct") else "chat")
    assert entry.vendor.name == VENDOR_OF_PREFIX[name.partition("-")[0]]
    assert not entry.model.endswith(("-all", "-browsing", "-high", "-low", "-medium"))
    assert 0 < entry.max_output_tokens <= entry.context_window


@pytest.mark.parametrize(
    ("name", "model", "options"),
    [
        ("gpt-4o", "gpt-4o", {}),
        ("gpt-4o-all", "gpt-4o", {}),
        ("o3-mini-high", "o3-mini", {"reasoning_effort": "high"}),
        ("o3-mini-high-all", "o3-mini", {"reasoning_effort": "high"}),
        ("o3-mini-2025-01-31-low", "o3-mini-2025-01-31", {"reasoning_effort": "low"}),
        ("o3-mini-medium", "o3-mini", {"reasoning_effort": "medium"}),
        ("o4-mini-high-all", "o4-mini", {"reasoning_effort": "high"}),
        ("gpt-3.5", "gpt-3.5-turbo", {}),
        ("gpt-3.5-browsing", "gpt-3.5-turbo", {}),
        ("gpt-4-browsing", "gpt-4", {}),
        ("gpt-4-vision", "gpt-4-turbo", {}),
        ("deepseek-r1", "deepseek-reasoner", {}),
        ("deepseek-v3-250324", "deepseek-chat", {}),
        ("echo", "echo", {}),
    ],
)
def test_says_what_a_name_stands_for(name: str, model: str, options: dict[str, str]) -> None:
    entry = catalog.builtin().resolve(name)

    assert entry is not None
    assert (entry.model, entry.options) == (model, options)


@pytest.mark.parametrize(
    ("name", "vendor"),
    [("text-embedding-3-small", "openai"), ("text-embedding-ada-002", "openai"), ("embedding-3", "zai")],
)
def test_holds_the_embedding_models(name: str, vendor: str) -> None:
    entry = catalog.builtin().resolve(name)

    assert entry is not None
    assert (entry.vendor.name, entry.kind) == (vendor, "embedding")


@pytest.mark.parametrize(
    ("name", "window", "output"), [("gpt-3.5-turbo", 16_385, 4_096), ("gpt-3.5-turbo-instruct", 4_096, 4_096)]
)
def test_knows_the_sizes_of_the_old_models(name: str, window: int, output: int) -> None:
    entry = catalog.builtin().models[name]

    assert (entry.context_window, entry.max_output_tokens) == (window, output)


@pytest.mark.parametrize(
    ("name", "is_newer"),
    [
        ("o1", True),
        ("o1-mini-all", True),
        ("o3-mini-high", True),
        ("o4-mini-2025-04-16", True),
        ("gpt-5-nano", True),
        ("gpt-6.1-sol", True),
        ("gpt-5-2025-08-07", True),
        ("gpt-4o", False),
        ("gpt-4.1-mini", False),
        ("gpt-3.5-turbo", False),
        ("deepseek-r1", False),
        ("glm-5", False),
        ("echo", False),
    ],
)
def test_knows_which_models_refuse_max_tokens(name: str, is_newer: bool) -> None:
    entry = catalog.builtin().resolve(name, default_vendor="openai")

    assert entry is not None
    target = catalog.target_for(entry, connect_timeout=1.0, read_timeout=2.0)
    assert ("only_max_completion_tokens" in target.quirks) is is_newer
    assert target.quirks >= entry.vendor.quirks


def test_knows_the_extra_fields_of_a_vendor() -> None:
    vendors = catalog.builtin().vendors

    takes = {name for name, vendor in vendors.items() if vendor.takes("thinking")}
    takes_any = {name for name, vendor in vendors.items() if vendor.takes("of_its_own")}

    assert takes == {"deepseek", "zai", "openrouter", "ollama"}
    assert takes_any == {"openrouter", "ollama"}


def test_sends_an_unknown_name_to_the_default_vendor_under_its_own_name() -> None:
    entry = catalog.builtin().resolve("llama-9", default_vendor="ollama")

    assert entry is not None
    assert (entry.vendor.name, entry.model, entry.options) == ("ollama", "llama-9", {})
    assert entry.context_window == catalog.DEFAULT_CONTEXT_WINDOW


def test_keeps_a_known_name_with_its_own_vendor() -> None:
    entry = catalog.builtin().resolve("glm-5", default_vendor="ollama")

    assert entry is not None
    assert entry.vendor.name == "zai"


@pytest.mark.parametrize(("name", "vendor"), [("x", ""), ("x", "nobody"), ("x", "echo"), ("", "ollama"), ("ECHO", "")])
def test_resolves_nothing_without_a_real_default_vendor(name: str, vendor: str) -> None:
    assert catalog.builtin().resolve(name, default_vendor=vendor) is None


def test_leads_no_other_name_to_echo() -> None:
    names = [entry.name for entry in catalog.builtin().models.values() if entry.vendor.name == "echo"]

    assert names == ["echo"]


def test_without_echo_the_rest_is_the_same() -> None:
    whole, rest = catalog.builtin(), catalog.builtin(has_echo=False)

    assert whole.models.keys() - rest.models.keys() == {"echo"}
    assert whole.vendors.keys() - rest.vendors.keys() == {"echo"}
    assert rest.resolve("echo") is None


def test_gives_every_vendor_its_settings() -> None:
    vendors = catalog.builtin().vendors

    assert {vendor.name: (vendor.env_prefix, vendor.needs_key) for vendor in vendors.values()} == {
        "openai": ("OPENAI_", True),
        "deepseek": ("DEEPSEEK_", True),
        "xai": ("XAI_", True),
        "zai": ("ZAI_", True),
        "openrouter": ("OPENROUTER_", True),
        "ollama": ("OLLAMA_", False),
        "echo": ("", False),
    }
    assert all(vendor.base_url.startswith("http") for vendor in vendors.values() if vendor.name != "echo")


def test_never_shows_a_key() -> None:
    entry = catalog.builtin().models["o3-mini-high"]

    target = catalog.target_for(entry, api_key="sk-secret", base_url="", connect_timeout=1.0, read_timeout=2.0)

    assert "sk-secret" not in repr(target)
    assert target.base_url == "https://api.openai.com/v1"
    assert (target.connect_timeout, target.read_timeout) == (1.0, 2.0)


def test_prefers_the_operators_base_url() -> None:
    entry = catalog.builtin().models["gpt-4o"]

    target = catalog.target_for(entry, base_url="http://127.0.0.1:1/v1", connect_timeout=1.0, read_timeout=2.0)

    assert target.base_url == "http://127.0.0.1:1/v1"


TINY = """
[vendors]
a = { display_name = "A" }
[[groups]]
vendor = "a"
context = 10
models = ["m"]
[aliases]
"""


def test_refuses_an_alias_that_is_also_a_model() -> None:
    with pytest.raises(ValueError, match="both a model and an alias"):
        Catalog.from_toml(TINY + 'm = { model = "m" }')


def test_refuses_an_alias_of_nothing() -> None:
    with pytest.raises(KeyError):
        Catalog.from_toml(TINY + 'x = { model = "y" }')


@pytest.mark.parametrize(
    ("name", "searches"),
    [
        ("gpt-4o-search-preview", True),
        ("gpt-4o-mini-search-preview-2025-03-11", True),
        ("gpt-4o", False),
        ("deepseek-chat", False),
        ("echo", False),
    ],
)
def test_some_models_search_the_web_themselves(name: str, searches: bool) -> None:
    target = catalog.target_for(catalog.builtin().models[name], connect_timeout=1.0, read_timeout=2.0)

    assert target.searches is searches
