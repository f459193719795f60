"""`docker/compose.yml` and `docker/.env.example` say what the settings' table says, and nothing is open by default."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from project.environment import checks, table
from tests.unit.docs.sources import ROOT

DOCKER = ROOT / "docker"
COMPOSE: dict[str, Any] = yaml.safe_load((DOCKER / "compose.yml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
EXAMPLE = (DOCKER / ".env.example").read_text()
STORES = ("postgres", "valkey")
OURS = {name: service for name, service in SERVICES.items() if name not in STORES}
SETTINGS = {setting.name: setting for setting in table.SETTINGS}
# Of compose alone.
COMPOSES_OWN = {"COMPOSE_PROJECT_NAME", "POSTGRES_PASSWORD", "PUBLISH", "PARLEY_TAG"}
SECRETS = ("SECRET_KEY", "POSTGRES_PASSWORD", "PARLEY_API_KEY", "PARLEY_ADMIN_PASSWORD")


def example(text: str) -> dict[str, str]:
    """What a file of variables sets, and what it offers in comments."""
    return dict(re.findall(r"^(?:# )?([A-Z_]+)=(.*)$", text, re.MULTILINE))


def test_names_only_settings_that_there_are() -> None:
    of_services = {name for service in OURS.values() for name in service["environment"]}
    asked_for = set(re.findall(r"\$\{([A-Z_]+)", (DOCKER / "compose.yml").read_text()))

    assert of_services <= set(SETTINGS)
    assert set(example(EXAMPLE)) | asked_for <= set(SETTINGS) | COMPOSES_OWN


def test_every_role_has_one_service_of_its_name() -> None:
    roles = {name: service["environment"]["ROLES"] for name, service in OURS.items() if name != "migrate"}

    assert roles == {role: role for role in checks.ROLES}


def test_tables_are_migrated_before_any_role_starts() -> None:
    assert SERVICES["migrate"]["command"] == ["migrate", "--no-input"]
    assert SERVICES["migrate"]["restart"] == "no"
    for role in checks.ROLES:
        assert SERVICES[role]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}


def test_only_web_is_reached_and_from_this_machine_alone() -> None:
    assert {name: service["ports"] for name, service in SERVICES.items() if "ports" in service} == {
        "web": ["${PUBLISH:-127.0.0.1:8000}:8000"]
    }
    assert {name: service["networks"] for name, service in SERVICES.items() if name in STORES} == {
        name: ["stores"] for name in STORES
    }
    assert COMPOSE["networks"]["stores"] == {"internal": True}


@pytest.mark.parametrize("name", OURS)
def test_ours_may_write_nothing_and_do_nothing_special(name: str) -> None:
    service = OURS[name]

    assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service
    assert int(service["stop_grace_period"].removesuffix("s")) > SETTINGS["DRAIN_SECONDS"].default + 5


def test_no_secret_has_a_default() -> None:
    text = (DOCKER / "compose.yml").read_text()

    assert {example(EXAMPLE)[name] for name in SECRETS} == {""}
    assert set(re.findall(r"\$\{(SECRET_KEY|POSTGRES_PASSWORD)(:\?|[^:]|:-)", text)) == {
        ("SECRET_KEY", ":?"),
        ("POSTGRES_PASSWORD", ":?"),
    }


def test_makes_secrets_that_the_settings_accept_and_keeps_them(tmp_path: Path) -> None:
    for name in ("make-env", ".env.example"):
        shutil.copy(DOCKER / name, tmp_path)

    made = [_make_env(tmp_path) for _ in range(2)]

    assert made[0] == made[1]
    given = example(made[0])
    assert len({given[name] for name in SECRETS}) == len(SECRETS)
    table.read({name: value for name, value in given.items() if name in SETTINGS})
    assert re.fullmatch("[A-Za-z0-9]{32}", given["POSTGRES_PASSWORD"])
    assert (tmp_path / ".env").stat().st_mode & 0o077 == 0


def _make_env(folder: Path) -> str:
    subprocess.run([str(folder / "make-env")], check=True, capture_output=True)
    return (folder / ".env").read_text()
