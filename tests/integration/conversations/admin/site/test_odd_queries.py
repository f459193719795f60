"""Addresses of the admin that no link leads to."""

import pytest
from django.test import Client

KINDS = (
    "run",
    "conversation",
    "event",
    "delivery",
    "preset",
    "apikey",
    "account",
    "webhookendpoint",
    "worker",
    "upstreamkey",
    "upstreamtarget",
)


@pytest.mark.parametrize("query", ["q=%00", "status=%00", "status__exact=a%00b", "type=%00", "model=%00", "p=%00"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_nul_in_a_query_is_refused(admin_client: Client, kind: str, query: str) -> None:
    response = admin_client.get(f"/admin/conversations/{kind}/?{query}")

    assert response.status_code == 400


@pytest.mark.parametrize(
    "query", ["q=%ff%fe", "q=" + "x" * 5_000, "p=99999999999999999999", "status__exact=%ff", "x=1"]
)
@pytest.mark.parametrize("kind", KINDS)
def test_an_odd_query_is_answered(admin_client: Client, kind: str, query: str) -> None:
    assert admin_client.get(f"/admin/conversations/{kind}/?{query}", follow=True).status_code == 200


@pytest.mark.parametrize("path", ["run/%00/change/", "run/99999999999999999999999/change/", "account/%ff/change/"])
def test_an_odd_row_id_is_unknown(admin_client: Client, path: str) -> None:
    response = admin_client.get(f"/admin/conversations/{path}")

    assert (response.status_code, response.headers.get("location")) == (302, "/admin/")
