"""Vendors and models as data: what a public name means, whom to ask for it and how. The data: catalogue.toml."""

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
# For names the catalogue does not hold: what nearly every model of the last years can do.
DEFAULT_CONTEXT_WINDOW = 128_000
DEFAULT_MAX_OUTPUT_TOKENS = 16_384
# Thirty times what models write today.
DEFAULT_MAX_ANSWER_BYTES = 16_000_000


@dataclass(frozen=True, slots=True)
class Vendor:
    """`env_prefix` begins the names of its settings: `OPENAI_` means OPENAI_API_KEY and OPENAI_BASE_URL."""

    name: str
    label: str
    protocol: str
    base_url: str
    env_prefix: str
    needs_key: bool
    quirks: frozenset[str]
    extra_fields: frozenset[str] = frozenset()
    only_max_completion_tokens: tuple[str, ...] = ()

    def takes(self, field_name: str) -> bool:
        """Whether it wants a field of the request that is none of the protocol's."""
        return ANY_FIELD in self.extra_fields or field_name in self.extra_fields

    def quirks_of(self, model: str) -> frozenset[str]:
        """Its own, and those of a family of models; the family is known by how the name begins."""
        is_newer = model.startswith(self.only_max_completion_tokens)
        return self.quirks | ({"only_max_completion_tokens"} if is_newer else set())


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """What a public name stands for: `model` is the vendor's own name, `options` come with the public one.

    `kind`: whether it answers, only continues texts, or makes vectors; of models outside the catalogue only the vendor
    knows.
    """

    name: str
    vendor: Vendor
    model: str
    kind: Literal["chat", "completion", "embedding", "any"] = "chat"
    context_window: int = DEFAULT_CONTEXT_WINDOW
    max_output_tokens: int = DEFAULT_MAX_OUTPUT_TOKENS
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Target:
    """All a call needs to know about where it goes. Timeouts in seconds; the key never shows in a repr.

    `max_answer_bytes` is for the whole answer, all its choices together (`answer_size.AnswerMeter`).
    """

    vendor: str
    label: str
    protocol: str
    base_url: str
    model: str
    api_key: str = field(default="", repr=False)
    options: Mapping[str, Any] = field(default_factory=dict)
    context_window: int = DEFAULT_CONTEXT_WINDOW
    max_output_tokens: int = DEFAULT_MAX_OUTPUT_TOKENS
    quirks: frozenset[str] = frozenset()
    connect_timeout: float = 5.0
    read_timeout: float = 120.0
    max_answer_bytes: int = DEFAULT_MAX_ANSWER_BYTES


def target_for(
    entry: ModelEntry,
    *,
    api_key: str = "",
    base_url: str = "",
    connect_timeout: float,
    read_timeout: float,
    max_answer_bytes: int = DEFAULT_MAX_ANSWER_BYTES,
) -> Target:
    """The entry with the operator's settings; an empty `base_url` means the vendor's own."""
    vendor = entry.vendor
    return Target(
        vendor=vendor.name,
        label=vendor.label,
        protocol=vendor.protocol,
        base_url=base_url or vendor.base_url,
        model=entry.model,
        api_key=api_key,
        options=entry.options,
        context_window=entry.context_window,
        max_output_tokens=entry.max_output_tokens,
        quirks=vendor.quirks_of(entry.model),
        connect_timeout=connect_timeout,
        read_timeout=read_timeout,
        max_answer_bytes=max_answer_bytes,
    )


@dataclass(frozen=True, slots=True)
class Catalog:
    vendors: Mapping[str, Vendor]
    models: Mapping[str, ModelEntry]

    def resolve(self, name: str, *, default_vendor: str = "") -> ModelEntry | None:
        """What `name` means; a name outside the catalogue goes to `default_vendor`, or is None without one.

        The echo vendor stands in for nobody: as default vendor it counts as none.
        """
        if name in self.models:
            return self.models[name]
        vendor = self.vendors.get(default_vendor)
        if vendor is None or vendor.name == ECHO or not name:
            return None
        return ModelEntry(name, vendor, name, kind="any")

    @classmethod
    def load(cls, path: Path = CATALOGUE_FILE) -> Self:
        """Raises OSError, ValueError or KeyError when the file is unreadable or contradicts itself."""
        return cls.from_toml(path.read_text(encoding="utf-8"))

    @classmethod
    def from_toml(cls, text: str) -> Self:
        """Raises ValueError or KeyError when the text is no TOML or names a vendor or model it does not hold."""
        data = tomllib.loads(text)
        vendors = {name: _vendor(name, fields) for name, fields in data["vendors"].items()}
        models = {entry.name: entry for family in data["families"] for entry in _family(family, vendors)}
        aliases = {name: _alias(name, fields, models) for name, fields in data["aliases"].items()}
        if aliases.keys() & models.keys():
            raise ValueError(f"both a model and an alias: {sorted(aliases.keys() & models.keys())}")
        return cls(MappingProxyType(vendors), MappingProxyType(models | aliases))

    def without(self, vendor: str) -> "Catalog":
        """The same without the vendor and all names that lead to it."""
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
        label=fields["label"],
        protocol=fields.get("protocol", "openai_chat"),
        base_url=fields.get("base_url", ""),
        env_prefix=fields.get("env_prefix", ""),
        needs_key=fields.get("needs_key", True),
        quirks=frozenset(fields.get("quirks", ())),
        extra_fields=frozenset(fields.get("extra_fields", ())),
        only_max_completion_tokens=tuple(fields.get("only_max_completion_tokens", ())),
    )


def _family(fields: Mapping[str, Any], vendors: Mapping[str, Vendor]) -> list[ModelEntry]:
    """Models of one vendor with one size."""
    return [
        ModelEntry(
            name=name,
            vendor=vendors[fields["vendor"]],
            model=name,
            kind=fields.get("kind", "chat"),
            context_window=fields["context"],
            max_output_tokens=fields.get("output", 0),
        )
        for name in fields["models"]
    ]


def _alias(name: str, fields: Mapping[str, Any], models: Mapping[str, ModelEntry]) -> ModelEntry:
    """Another name for a model, perhaps with options; every key but `model` is one."""
    options = {key: value for key, value in fields.items() if key != "model"}
    return replace(models[fields["model"]], name=name, options=options)
