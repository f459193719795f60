"""Which values the environment may give, and the error for a wrong one."""

import os
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from project.environment import secret_key, table
from tests.fakes.authority import Authority


def test_gives_every_setting_its_default_when_the_environment_says_nothing() -> None:
    values = table.read({})

    assert values == {setting.name: setting.default for setting in table.SETTINGS}


def test_reads_an_empty_value_as_unset() -> None:
    assert table.read({"PORT": "", "DATABASE_URL": " "}) == table.read({})


def test_names_every_wrong_value_and_not_only_the_first() -> None:
    with pytest.raises(ImproperlyConfigured) as refusal:
        table.read({"PORT": "0", "WORKER_THREADS": "many", "LOG_LEVEL": "loud"})

    assert str(refusal.value) == (
        "PORT: 0 is below the least allowed, 1; "
        "WORKER_THREADS: 'many' is not a whole number; leave it out for 64; "
        "LOG_LEVEL: must be one of DEBUG, INFO, WARNING, ERROR"
    )


@pytest.mark.parametrize("number", ["nan", "inf", "-1", "1e999"])
def test_refuses_a_time_that_is_not_a_number(number: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="RUN_DEADLINE: "):
        table.read({"RUN_DEADLINE": number})


@pytest.mark.parametrize(
    "url", ["postgresql://me:hunter2 x@db/parley", "postgresql://me:hunter2%zz@db/x", "mysql://me:hunter2@db/x"]
)
def test_refuses_a_database_url_without_repeating_its_password(url: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="DATABASE_URL: ") as refusal:
        table.read({"DATABASE_URL": url})

    assert "hunter2" not in str(refusal.value)


def test_reads_the_ranges_that_are_opened_to_customers_urls() -> None:
    assert table.read({"OUTBOUND_ALLOW": "127.0.0.0/8,::1"})["OUTBOUND_ALLOW"] == ["127.0.0.0/8", "::1"]


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        ("localhost", "'localhost' is not a range such as 127.0.0.0/8 or fd00::/8"),
        ("::1, 10.1.0.0/8", "'10.1.0.0/8' is not a range such as 127.0.0.0/8 or fd00::/8; did you mean 10.0.0.0/8?"),
    ],
)
def test_says_how_a_range_is_written(given: str, hint: str) -> None:
    with pytest.raises(ImproperlyConfigured) as refusal:
        table.read({"OUTBOUND_ALLOW": given})

    assert str(refusal.value) == f"OUTBOUND_ALLOW: {hint}"


def test_reads_the_roles_that_run_here() -> None:
    assert table.read({"ROLES": "worker, knowledge,"})["ROLES"] == ["worker", "knowledge"]


@pytest.mark.parametrize("roles", ["workers", ",", "web,beat"])
def test_refuses_a_role_that_there_is_not(roles: str) -> None:
    with pytest.raises(ImproperlyConfigured) as refusal:
        table.read({"ROLES": roles})

    assert str(refusal.value) == "ROLES: must be some of web,worker,upkeep,knowledge"


def test_accepts_a_companys_own_authority(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    (tmp_path / "a1b2c3d4.0").symlink_to(authority.path)
    given = {"SSL_CERT_FILE": str(authority.path), "SSL_CERT_DIR": f"{tmp_path}{os.pathsep}{tmp_path.parent}"}

    read = table.read(given)

    assert {name: read[name] for name in given} == given


def test_refuses_authorities_that_are_not_there(tmp_path: Path) -> None:
    missing, garbage = tmp_path / "none.pem", tmp_path / "key.pem"
    garbage.write_text("no certificate")

    with pytest.raises(ImproperlyConfigured) as no_such_place:
        table.read({"SSL_CERT_FILE": str(missing), "SSL_CERT_DIR": str(missing)})
    with pytest.raises(ImproperlyConfigured) as nothing_in_it:
        table.read({"SSL_CERT_FILE": str(garbage), "SSL_CERT_DIR": str(tmp_path)})

    assert str(no_such_place.value) == (
        f"SSL_CERT_FILE: cannot read {missing} (No such file or directory); "
        f"SSL_CERT_DIR: cannot read {missing} (No such file or directory)"
    )
    assert str(nothing_in_it.value) == (
        f"SSL_CERT_FILE: {garbage} holds no certificates in PEM form; "
        f"SSL_CERT_DIR: {tmp_path} holds no certificates that `openssl rehash` has named"
    )


def test_makes_a_secret_once_and_keeps_it_private(tmp_path: Path) -> None:
    data_dir = tmp_path / "var"

    made = secret_key.read(data_dir)

    assert len(made) >= 32
    assert secret_key.read(data_dir) == made
    assert (data_dir / "secret_key").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in data_dir.iterdir()] == ["secret_key"]


def test_refuses_a_data_directory_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(ImproperlyConfigured, match=r"DATA_DIR: cannot use .* \(Not a directory\); set it to another"):
        secret_key.read(tmp_path / "file" / "var")


@pytest.mark.parametrize(("given", "read"), [("true", True), ("False", False), ("", True)])
def test_reads_a_flag_in_words(given: str, read: bool) -> None:
    assert table.read({"ECHO": given})["ECHO"] is read


@pytest.mark.parametrize("given", ["yes", "0", "off"])
def test_refuses_other_words_for_a_flag(given: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=f"ECHO: '{given}' must be true or false"):
        table.read({"ECHO": given})


@pytest.mark.parametrize(
    "url", ["https://chat.example.com", "http://chat_1.internal:8000/", "HTTPS://[2001:db8::1]:8443", "http://10.0.0.1"]
)
def test_accepts_an_origin_as_the_public_url(url: str) -> None:
    assert table.read({"PUBLIC_URL": url})["PUBLIC_URL"] == url


@pytest.mark.parametrize(
    "url",
    [
        *("chat.example.com", "ftp://chat.example.com", "https://", "https://a/b", "https://me@a", "https://a?b"),
        *("https://a b", "https://*.example.com", "https://a:port", "https://a\nb", "https://a\\b"),
    ],
)
def test_refuses_a_public_url_that_is_more_or_less_than_an_origin(url: str) -> None:
    with pytest.raises(ImproperlyConfigured) as refusal:
        table.read({"PUBLIC_URL": url})

    assert str(refusal.value) == (
        "PUBLIC_URL: must be scheme and host, such as https://chat.example.com, without a path"
    )


def test_reads_the_proxies_that_are_believed() -> None:
    assert table.read({"TRUSTED_PROXIES": "10.0.0.0/8,127.0.0.1"})["TRUSTED_PROXIES"] == ["10.0.0.0/8", "127.0.0.1"]


@pytest.mark.parametrize("proxies", ["*", "nginx", "10.1.0.0/8", "0.0.0.0/0, x"])
def test_refuses_a_proxy_that_is_no_range(proxies: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="TRUSTED_PROXIES: "):
        table.read({"TRUSTED_PROXIES": proxies})


def test_refuses_an_admin_password_that_is_soon_guessed_and_does_not_repeat_it() -> None:
    with pytest.raises(ImproperlyConfigured) as refusal:
        table.read({"PARLEY_ADMIN_PASSWORD": "hunter2"})

    assert str(refusal.value) == "PARLEY_ADMIN_PASSWORD: must have 12 characters or more"


@pytest.mark.parametrize("currency", ["usd", "US", "EURO", "U$D", "12A"])
def test_refuses_a_currency_that_is_none(currency: str) -> None:
    with pytest.raises(ImproperlyConfigured) as refusal:
        table.read({"CURRENCY": currency})

    assert str(refusal.value) == "CURRENCY: must be three capital letters, such as USD"


NO_ORIGIN = "is no origin such as https://app.example.com: scheme and host in small letters, no path"


def test_reads_the_origins_whose_pages_may_call() -> None:
    origins = ["https://app.example.com", "http://localhost:5173", "https://xn--bcher-kva.example", "app://parley"]

    assert table.read({"CORS_ORIGINS": ", ".join(origins)})["CORS_ORIGINS"] == origins
    assert table.read({"CORS_ORIGINS": "*"})["CORS_ORIGINS"] == ["*"]
    assert table.read({})["CORS_ORIGINS"] == []


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        ("https://a.example, *", "* is every origin, so it stands alone"),
        ("https://a.example:443", "'https://a.example:443' has the port that browsers leave out for https"),
        *((text, f"{text!r} {NO_ORIGIN}") for text in ("null", "a.example", "https://a.example/", "https://A.example")),
        *((text, f"{text!r} {NO_ORIGIN}") for text in ("https://*.example.com", "https://bücher.example", "https://")),
        *((text, f"{text!r} {NO_ORIGIN}") for text in ("https://me@a.example", "https://a.example:0", "https://a b")),
    ],
)
def test_says_how_an_origin_is_written(given: str, hint: str) -> None:
    with pytest.raises(ImproperlyConfigured) as refusal:
        table.read({"CORS_ORIGINS": given})

    assert str(refusal.value) == f"CORS_ORIGINS: {hint}"
