"""Values that no browser would send are refused or ignored, and never end in a 500."""

import pytest
from django.db import transaction
from django.test import Client

from conversations.models import Account, ApiKey, Preset, WebhookEndpoint
from tests.builders.factories import AccountFactory
from tests.integration.conversations.admin.site.test_pages import FACTORIES

WORDS = ["abc", "NaN", "1,2", "1.5", "_3A", "a%00b", "%ff", "٣", "9" * 25, "0" * 5_000 + "1", "x" * 2_000]
LISTS = [*(f"conversations/{kind}" for kind in sorted(FACTORIES)), "auth/user", "auth/group"]
# Some of them are filters that no list has.
PARAMETERS = (
    *("p", "o", "_to_field", "status__exact", "account__id__exact", "account", "endpoint__id__exact"),
    *("is_active__exact", "queue", "updated_at__gte", "conversation__id__exact", "id__exact"),
)
ODD = ("NaN", "1e9999", "9" * 25, "a,b", "%F0%9F%98%80")
MOMENTS = (
    *("0001-01-01", "9999-12-31", "99999-01-01", "2026-13-45", "NaN"),
    *("9999-12-31T23:59:59%2B14:00", "9999-12-31T23:59:59-14:00", "0001-01-01 00:00:00%2B14:00"),
)
ACTIONS = {
    "account": "disable",
    "apikey": "revoke",
    "conversation": "delete_conversations",
    "delivery": "replay",
    "upstreamkey": "disable",
    "upstreamtarget": "disable",
    "webhookendpoint": "rotate",
}
AUTOCOMPLETE = "/admin/autocomplete/?app_label=conversations&model_name=preset&field_name=account"


def status(admin_client: Client, url: str) -> int:
    """Each in a transaction of its own, because an error of the database ends a transaction."""
    with transaction.atomic():
        code = admin_client.get(url).status_code
        transaction.set_rollback(True)
    return code


@pytest.mark.parametrize("kind", LISTS)
def test_a_list_is_asked_for_by_odd_values(admin_client: Client, kind: str) -> None:
    asked = [f"/admin/{kind}/?{name}={value}" for name in PARAMETERS for value in ODD]

    codes = {url: status(admin_client, url) for url in asked}

    assert {url: code for url, code in codes.items() if code not in (200, 302, 400)} == {}


# It takes UTC, which is what is meant.
@pytest.mark.filterwarnings("ignore:DateTimeField .* received a naive datetime:RuntimeWarning")
@pytest.mark.parametrize("name", ["updated_at", "updated_at__gte", "updated_at__lt"])
def test_a_list_is_asked_for_what_no_calendar_holds(admin_client: Client, name: str) -> None:
    codes = {moment: status(admin_client, f"/admin/conversations/conversation/?{name}={moment}") for moment in MOMENTS}

    assert {moment: code for moment, code in codes.items() if code not in (200, 302, 400)} == {}


@pytest.mark.parametrize(
    "page", ["account/{}/callback-secret/", "delivery/{}/replay/", "webhookendpoint/{}/rotate/", "preset/{}/history/"]
)
def test_a_row_whose_number_is_a_word_is_not_there(admin_client: Client, page: str) -> None:
    codes = {word: status(admin_client, f"/admin/conversations/{page.format(word)}") for word in WORDS}

    assert {word: code for word, code in codes.items() if code not in (302, 404)} == {}


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("kind", ["apikey", "preset", "webhookendpoint"])
def test_a_form_is_given_a_word_for_an_account(admin_client: Client, kind: str, word: str) -> None:
    add = f"/admin/conversations/{kind}/add/"

    posted = admin_client.post(add, {"account": word.replace("%00", "\x00"), "name": "n", "url": "x"})

    assert (status(admin_client, f"{add}?account={word}"), posted.status_code) == (400, 400)
    assert [model.objects.count() for model in (ApiKey, Preset, WebhookEndpoint)] == [0, 0, 0]


@pytest.mark.parametrize("word", ["abc", "NaN", "1.5", "a\x00b", "-1", "9" * 25])
@pytest.mark.parametrize("kind", sorted(ACTIONS))
def test_an_action_is_given_a_word_for_a_row(admin_client: Client, kind: str, word: str) -> None:
    row = FACTORIES[kind].create()
    chosen = {"action": ACTIONS[kind], "index": "0", "_selected_action": [row.pk, word], "confirmed": "yes"}

    assert admin_client.post(f"/admin/conversations/{kind}/", chosen).status_code == 400


def test_an_action_is_given_thousands_of_rows(admin_client: Client) -> None:
    account = AccountFactory.create()
    chosen = {"action": "disable", "index": "0", "_selected_action": [account.pk, *range(10**6, 10**6 + 900)]}

    response = admin_client.post("/admin/conversations/account/", chosen)
    too_many = admin_client.post("/admin/conversations/account/", {**chosen, "_selected_action": list(range(5_000))})

    assert (response.status_code, too_many.status_code) == (302, 400)
    assert list(Account.objects.values_list("is_active", flat=True)) == [False]


@pytest.mark.parametrize(
    "query", ["", "&term=%ff", "&term=" + "x" * 5_000, "&page=NaN", "&page=" + "9" * 25, "&page=-1"]
)
def test_an_autocomplete_is_asked_oddly(admin_client: Client, query: str) -> None:
    assert status(admin_client, AUTOCOMPLETE + query) in (200, 404)


@pytest.mark.parametrize(
    "query", ["", "?app_label=a.b&model_name=&field_name=", "?app_label=%ff&model_name=x&field_name=y"]
)
def test_an_autocomplete_is_asked_for_what_is_not_there(admin_client: Client, query: str) -> None:
    assert status(admin_client, f"/admin/autocomplete/{query}") == 403


@pytest.mark.parametrize(
    ("parameters", "complaint"),
    [
        ('{"a": NaN}', "a contains a number that JSON cannot say"),
        ('{"a": 1e999}', "a contains a number that JSON cannot say"),
        ('{"a": "\\ud800"}', "a contains a lone surrogate, half of a character"),
        ("[" * 3_000, "Enter a valid JSON."),
        ('{"a":' + "[" * 900 + "]" * 900 + "}", "a is nested more than 100 levels deep"),
        ("9" * 5_000, "Enter a valid JSON."),
    ],
)
def test_a_preset_is_given_json_that_no_database_keeps(admin_client: Client, parameters: str, complaint: str) -> None:
    given = {"account": AccountFactory.create().pk, "name": "n", "text": "t", "parameters": parameters}

    response = admin_client.post("/admin/conversations/preset/add/", given)

    assert response.status_code == 200
    assert complaint in response.content.decode()
    assert not Preset.objects.exists()


def test_a_search_of_a_hundred_thousand_letters_finds_nothing(admin_client: Client) -> None:
    codes = {kind: status(admin_client, f"/admin/{kind}/?q={'y' * 100_000}") for kind in LISTS}

    assert codes == dict.fromkeys(LISTS, 200)


@pytest.mark.parametrize("page", ["NaN", "9" * 25, "-3", "%ff", ""])
def test_a_search_has_no_such_page(admin_client: Client, page: str) -> None:
    assert status(admin_client, f"/admin/search/?s=x&extended=1&page={page}") == 404
