"""A client of `/api/v1/runs`."""

import requests

from tests.fakes.replies import Json
from tests.journeys.clients.aichat import TIMEOUT_SECONDS, Api
from tests.waiting import eventually


def retrieve(api: Api, run_id: str) -> Json:
    return dict(
        requests.get(f"{api.base_url}/api/v1/runs/{run_id}", headers=api.headers, timeout=TIMEOUT_SECONDS).json()
    )


def cancel(api: Api, run_id: str) -> Json:
    response = requests.post(
        f"{api.base_url}/api/v1/runs/{run_id}/cancel", headers=api.headers, timeout=TIMEOUT_SECONDS
    )
    assert response.status_code == 200, response.text
    return dict(response.json())


def wait_for_runs(api: Api, thread: str, *, count: int = 1) -> list[str]:
    """The ids of the conversation's runs, newest first, once there are `count`."""

    def found() -> list[str]:
        query = {"conversation": thread}
        page = requests.get(f"{api.base_url}/api/v1/runs", headers=api.headers, params=query, timeout=TIMEOUT_SECONDS)
        return [run["id"] for run in page.json()["results"]]

    return eventually(found, lambda runs: len(runs) == count)
