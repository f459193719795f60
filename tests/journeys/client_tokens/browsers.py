"""A customer's server, which makes client tokens, and the browsers of its visitors, which have nothing else."""

import time
from dataclasses import dataclass
from typing import Any

import jwt
import requests

from tests.fakes.replies import Json
from tests.journeys.clients.aichat import SSE, TIMEOUT_SECONDS, Api, new_id
from tests.journeys.service import Service

SCOPES = ("aichat", "openai", "yuju", "api", "keys")


@dataclass(frozen=True, slots=True)
class Customer:
    """An account with the visitor secret of its own."""

    api: Api
    name: str
    account: str
    secret: str

    @classmethod
    def new(cls, service: Service, *options: str) -> "Customer":
        """`options`: of `create_key`, for an account that is to be limited or to pay."""
        name = new_id()
        key = service.create_key(name, *(f"--scope={scope}" for scope in SCOPES), *options)
        api = Api(service.base_url, key)
        shown = call(api, "GET", "visitor_secret")
        return cls(api, name, shown["account"], shown["secret"])

    def assistant(self, **fields: Any) -> str:
        body = {"name": new_id(), "kind": "dialogue", "model": "echo", **fields}
        return str(call(self.api, "POST", "assistants", body, status=201)["id"])

    def sign(self, visitor: str = "v1", *, life: int = 600, secret: str = "", **claims: Any) -> str:
        """As its server would, with any claims; one that is None is left out."""
        now = int(time.time())
        payload = {"iss": self.account, "sub": visitor, "iat": now, "exp": now + life, **claims}
        said = {name: value for name, value in payload.items() if value is not None}
        return jwt.encode(said, secret or self.secret, algorithm="HS256")

    def browser(self, visitor: str = "v1", **claims: Any) -> "Browser":
        return Browser(self.api.base_url, self.sign(visitor, **claims))


@dataclass(frozen=True, slots=True)
class Browser:
    base_url: str
    token: str

    def request(self, method: str, path: str, *, body: Any = None, **sent: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.token}", **sent.pop("headers", {})}
        return requests.request(
            method, self.base_url + path, json=body, headers=headers, timeout=TIMEOUT_SECONDS, **sent
        )

    def yuju(self, content: str = "Hi", **fields: Any) -> requests.Response:
        url = f"{self.base_url}/v1/openapi/chat"
        body = {"content": content, **fields}
        return requests.post(url, params={"apiKey": self.token}, json=body, timeout=TIMEOUT_SECONDS)

    def aichat(self, assistant: str, question: str = "Hi", **fields: Any) -> requests.Response:
        body = {"model": f"assistant:{assistant}", "question": question, **fields}
        return self.request("POST", "/aichat/conversations", body=body)

    def openai(self, assistant: str, question: str = "Hi", **fields: Any) -> requests.Response:
        body = {"model": f"assistant:{assistant}", "messages": [{"role": "user", "content": question}], **fields}
        headers = fields.pop("headers", {})
        body.pop("headers", None)
        return self.request("POST", "/v1/chat/completions", body=body, headers=headers)

    def run(self, run_id: str, *, stream: bool = False) -> requests.Response:
        """Resumed as a browser's EventSource does it: it cannot send a header of its own."""
        if not stream:
            return self.request("GET", f"/api/v1/runs/{run_id}")
        url = f"{self.base_url}/api/v1/runs/{run_id}/stream"
        query = {"access_token": self.token}
        return requests.get(url, params=query, headers={"Accept": SSE}, timeout=TIMEOUT_SECONDS)


def call(api: Api, method: str, path: str, body: Any = None, *, status: int = 200) -> Json:
    response = requests.request(
        method, f"{api.base_url}/api/v1/{path}", json=body, headers=api.headers, timeout=TIMEOUT_SECONDS
    )
    assert response.status_code == status, response.text
    return dict(response.json())


def code_of(response: requests.Response) -> tuple[int, str | int]:
    """Of a refusal in any family."""
    body = response.json()
    return response.status_code, body["Code"] if "Code" in body else body["error"]["code"]
