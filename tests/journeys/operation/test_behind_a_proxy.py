"""Journey: a reverse proxy that terminates https, and clients that pretend to be one."""

import re
from collections.abc import Iterator, Mapping

import httpx
import pytest

from conversations.admin.site import login_attempts
from tests.journeys.clients.aichat import Api
from tests.journeys.service import Service

PUBLIC = "https://chat.example.com"
PASSWORD = "given-by-the-operator-too"
# A proxy appends the address of its client; anything before that was sent by the client.
THROUGH_THE_PROXY = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "198.51.100.9, 203.0.113.7"}
FROM_ELSEWHERE = {**THROUGH_THE_PROXY, "X-Forwarded-For": "203.0.113.7, 203.0.113.8"}
TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')


@pytest.fixture(scope="module")
def public_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    env = {"PUBLIC_URL": f"{PUBLIC}/", "TRUSTED_PROXIES": "127.0.0.0/8", "PARLEY_ADMIN_PASSWORD": PASSWORD}
    with Service(data_dir=tmp_path_factory.mktemp("public") / "var", env=env) as running:
        yield running


def sign_in(service: Service, password: str, headers: Mapping[str, str], *, origin: str) -> httpx.Response:
    """Send the cookies that a browser would: `Secure` ones only over https."""
    with httpx.Client(base_url=service.base_url, headers={"Host": "chat.example.com", **headers}) as client:
        page = client.get("/admin/login/")
        (token,) = TOKEN.findall(page.text)
        cookies = "; ".join(f"{name}={value}" for name, value in page.cookies.items())
        form = {"username": "admin", "password": password, "csrfmiddlewaretoken": token}
        return client.post("/admin/login/", data=form, headers={"Origin": origin, "Cookie": cookies})


def test_signs_in_over_https_and_keeps_the_cookies_there(public_service: Service) -> None:
    response = sign_in(public_service, PASSWORD, THROUGH_THE_PROXY, origin=PUBLIC)

    assert (response.status_code, response.headers["location"]) == (302, "/admin/")
    assert response.headers["strict-transport-security"] == "max-age=31536000"
    (session,) = [one for one in response.headers.get_list("set-cookie") if "parley-session" in one]
    assert session.startswith("__Host-parley-session=")
    assert {"HttpOnly", "Path=/", "SameSite=Lax", "Secure"} <= set(session.split("; "))
    # It ends when the browser is closed.
    assert "expires" not in session.lower()
    assert "max-age" not in session.lower()


def test_refuses_a_form_of_another_site(public_service: Service) -> None:
    assert sign_in(public_service, PASSWORD, THROUGH_THE_PROXY, origin="https://elsewhere.example").status_code == 403


def test_counts_login_attempts_by_the_proxys_client(public_service: Service) -> None:
    tries = [
        sign_in(
            public_service,
            "wrong",
            {**THROUGH_THE_PROXY, "X-Forwarded-For": f"10.9.9.{number}, 203.0.113.7"},
            origin=PUBLIC,
        )
        for number in range(login_attempts.PER_ADDRESS + 1)
    ]
    elsewhere = sign_in(public_service, PASSWORD, FROM_ELSEWHERE, origin=PUBLIC)

    assert [one.status_code for one in tries] == [200] * login_attempts.PER_ADDRESS + [429]
    assert elsewhere.status_code == 302


def test_makes_links_from_its_public_url(public_service: Service) -> None:
    api = Api(public_service.base_url, public_service.api_key)
    for _ in range(2):
        api.answer("Hi", model="echo")

    key = {"Authorization": f"Bearer {api.key}", "X-Forwarded-Host": "elsewhere.example"}
    page = httpx.get(f"{api.base_url}/api/v1/runs?limit=1", headers=key).json()

    assert page["next"] == f"{PUBLIC}/api/v1/runs?limit=1&cursor={page['results'][0]['id']}"


def test_ignores_forwarded_headers_of_other_addresses(service: Service) -> None:
    page = httpx.get(f"{service.base_url}/admin/login/", headers=THROUGH_THE_PROXY)

    assert page.status_code == 200
    assert "strict-transport-security" not in page.headers
    (cookie,) = page.headers.get_list("set-cookie")
    assert cookie.startswith("parley-csrf=")
    assert "Secure" not in cookie


def test_passes_djangos_deployment_checks(public_service: Service) -> None:
    """The reasons for silenced checks are in the settings."""
    said = public_service.manage("check", "--deploy")

    assert said == "System check identified no issues (6 silenced).\n"
