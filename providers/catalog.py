"""Vendors and models as data: which vendor serves a model name, and how it is asked. The data: catalogue.toml."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, Self

ECHO = "echo"
ANY_FIELD = "*"
CATALOGUE_FILE = Path(__file__).with_name("catalogue.toml")
# For models outside the catalogue: what nearly every current model can do.
DEFAULT_CONTEXT_WINDOW = 128_000
DEFAULT_MAX_OUTPUT_TOKENS = 16_384
# Thirty times the longest answer of today's models.
DEFAULT_MAX_ANSWER_BYTES = 16_000_000
MAX_RETRIES = 2
RETRY_WINDOW_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a model takes besides text, as it is; the rest is read for it, or left out.

    `images`: "url" for links, "data" for data URLs. `files`: "url", "data", "pdf" (data URLs of PDF alone), "id" (the
    vendor's own ids). The catalogue says where each is from.
    """

    images: frozenset[str] = frozenset()
    files: frozenset[str] = frozenset()
    audio: bool = False


# For whom the catalogue says nothing: the vendor decides.
ANY_INPUTS = Inputs(images=frozenset({"url", "data"}), files=frozenset({"url", "data", "id"}), audio=True)


@dataclass(frozen=True, slots=True)
class Vendor:
    """Who serves models. `protocol` names an entry of `protocols.registry`; quirks are words of that protocol.

    `env_prefix` begins the names of its settings: `OPENAI_` means OPENAI_API_KEY and OPENAI_BASE_URL.
    `model_quirks` gives, for a quirk, how the names of the models begin that have it; `searches` those that search the
    web themselves. `inputs` are those of models that the catalogue does not know.
    """

    name: str
    display_name: str
    protocol: str
    base_url: str
    env_prefix: str
    needs_key: bool
    quirks: frozenset[str]
    extra_fields: frozenset[str] = frozenset()
    model_quirks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    inputs: Inputs = ANY_INPUTS
    searches: tuple[str, ...] = ()

    def takes(self, field_name: str) -> bool:
        """Whether a request may have this field, which is not one of the protocol's own."""
        return ANY_FIELD in self.extra_fields or field_name in self.extra_fields

    def quirks_of(self, model: str) -> frozenset[str]:
        """The vendor's quirks and the model's."""
        return self.quirks | {quirk for quirk, prefixes in self.model_quirks.items() if model.startswith(prefixes)}


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """What a public name stands for: `model` is the vendor's own name, `options` are sent with every request.

    `kind` says whether the model answers, only continues texts, or makes vectors. It is "any" for models outside the
    catalogue, because only the vendor knows. Sizes are in tokens. `chance`, of one that makes vectors: how
    many unrelated texts may be as near to a question as its match (`conversations/knowledge/nearness.py`), None where
    nobody has measured it.
    """

    name: str
    vendor: Vendor
    model: str
    kind: Literal["chat", "completion", "embedding", "any"] = "chat"
    context_window: int = DEFAULT_CONTEXT_WINDOW
    max_output_tokens: int = DEFAULT_MAX_OUTPUT_TOKENS
    options: Mapping[str, Any] = field(default_factory=dict)
    inputs: Inputs = ANY_INPUTS
    chance: float | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """All that a call needs to know of the vendor and model it asks. Timeouts in seconds; `repr` hides the key.

    `max_retries` is how often a failed call is made again, `retry_seconds` how long after its beginning at the latest.
    `patience` is how long after its beginning a call may be without any content; None for as long as bytes come.
    `max_answer_bytes` is the limit of the whole answer, all its choices together (`answer_size.AnswerMeter`).
    `searches`: the model searches the web itself.
    """

    vendor: str
    display_name: str
    protocol: str
    base_url: str
    model: str
    api_key: str = field(default="", repr=False)
    options: Mapping[str, Any] = field(default_factory=dict)
    context_window: int = DEFAULT_CONTEXT_WINDOW
    max_output_tokens: int = DEFAULT_MAX_OUTPUT_TOKENS
    quirks: frozenset[str] = frozenset()
    inputs: Inputs = ANY_INPUTS
    connect_timeout: float = 5.0
    read_timeout: float = 120.0
    max_answer_bytes: int = DEFAULT_MAX_ANSWER_BYTES
    max_retries: int = MAX_RETRIES
    retry_seconds: float = RETRY_WINDOW_SECONDS
    patience: float | None = None
    searches: bool = False


def target_for(
    entry: ModelEntry,
    *,
    api_key: str = "",
    base_url: str = "",
    connect_timeout: float,
    read_timeout: float,
    max_answer_bytes: int = DEFAULT_MAX_ANSWER_BYTES,
) -> Target:
    """The entry with the operator's settings. An empty `base_url` means the vendor's default."""
    vendor = entry.vendor
    return Target(
        vendor=vendor.name,
        display_name=vendor.display_name,
        protocol=vendor.protocol,
        base_url=base_url or vendor.base_url,
        model=entry.model,
        api_key=api_key,
        options=entry.options,
        context_window=entry.context_window,
        max_output_tokens=entry.max_output_tokens,
        quirks=vendor.quirks_of(entry.model),
        inputs=entry.inputs,
        connect_timeout=connect_timeout,
        read_timeout=read_timeout,
        max_answer_bytes=max_answer_bytes,
        searches=entry.model.startswith(vendor.searches),
    )


@dataclass(frozen=True, slots=True)
class Catalog:
    vendors: Mapping[str, Vendor]
    models: Mapping[str, ModelEntry]

    def resolve(self, name: str, *, default_vendor: str = "") -> ModelEntry | None:
        """The entry of `name`. A name outside the catalogue goes to `default_vendor`; without one it is None.

        Echo cannot be the default vendor: it would answer for any misspelt model name.
        """
        if name in self.models:
            return self.models[name]
        vendor = self.vendors.get(default_vendor)
        if vendor is None or vendor.name == ECHO or not name:
            return None
        return ModelEntry(name, vendor, name, kind="any", inputs=vendor.inputs)

    @classmethod
    def load(cls) -> Self:
        """The catalogue of CATALOGUE_FILE."""
        return cls.from_toml(CATALOGUE_FILE.read_text(encoding="utf-8"))

    @classmethod
    def from_toml(cls, text: str) -> Self:
        """Raises ValueError when the text is not TOML, KeyError when it names a vendor or model that it lacks."""
        data = tomllib.loads(text)
        vendors = {name: _vendor(name, fields) for name, fields in data["vendors"].items()}
        models = {entry.name: entry for group in data["groups"] for entry in _group(group, vendors)}
        aliases = {name: _alias(name, fields, models) for name, fields in data["aliases"].items()}
        if aliases.keys() & models.keys():
            raise ValueError(f"both a model and an alias: {sorted(aliases.keys() & models.keys())}")
        return cls(MappingProxyType(vendors), MappingProxyType(models | aliases))

    def without(self, vendor: str) -> "Catalog":
        """A copy without the vendor and all model names that lead to it."""
        vendors = {name: known for name, known in self.vendors.items() if name != vendor}
        models = {name: entry for name, entry in self.models.items() if entry.vendor.name != vendor}
        return Catalog(MappingProxyType(vendors), MappingProxyType(models))


@cache
def builtin(*, has_echo: bool = True) -> Catalog:
    """The catalogue that comes with Parley; read once per process."""
    return Catalog.load() if has_echo else Catalog.load().without(ECHO)


def _vendor(name: str, fields: Mapping[str, Any]) -> Vendor:
    return Vendor(
        name=name,
        display_name=fields["display_name"],
        protocol=fields.get("protocol", "openai"),
        base_url=fields.get("base_url", ""),
        env_prefix=fields.get("env_prefix", ""),
        needs_key=fields.get("needs_key", True),
        quirks=frozenset(fields.get("quirks", ())),
        extra_fields=frozenset(fields.get("extra_fields", ())),
        model_quirks={quirk: tuple(prefixes) for quirk, prefixes in fields.get("model_quirks", {}).items()},
        inputs=_inputs(fields, ANY_INPUTS),
        searches=tuple(fields.get("searches", ())),
    )


def _inputs(fields: Mapping[str, Any], otherwise: Inputs) -> Inputs:
    return Inputs(
        images=frozenset(fields.get("images", otherwise.images)),
        files=frozenset(fields.get("files", otherwise.files)),
        audio=fields.get("audio", otherwise.audio),
    )


def _group(fields: Mapping[str, Any], vendors: Mapping[str, Vendor]) -> list[ModelEntry]:
    """Models of one vendor that have the same sizes, and take the same."""
    vendor = vendors[fields["vendor"]]
    inputs = _inputs(fields, vendor.inputs)
    return [
        ModelEntry(
            name=name,
            vendor=vendor,
            model=name,
            kind=fields.get("kind", "chat"),
            context_window=fields["context"],
            max_output_tokens=fields.get("output", 0),
            inputs=inputs,
            chance=fields.get("chance"),
        )
        for name in fields["models"]
    ]


def _alias(name: str, fields: Mapping[str, Any], models: Mapping[str, ModelEntry]) -> ModelEntry:
    """Another name for a model. Every key but `model` is an option."""
    options = {key: value for key, value in fields.items() if key != "model"}
    return replace(models[fields["model"]], name=name, options=options)
