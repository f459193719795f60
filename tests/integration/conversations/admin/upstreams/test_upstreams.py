"""Keys, targets and the state of all targets in the admin."""

import re
from typing import Any

import pytest
import redis
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from conversations.models import UpstreamKey, UpstreamTarget, UpstreamVersion
from conversations.routing import overview, table, targets
from conversations.routing.table import Access, AdminTable, TargetRow
from conversations.services.upstreams import keys, routes
from tests.builders.factories import UpstreamKeyFactory, UpstreamTargetFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_routes")]

KEYS = reverse("admin:conversations_upstreamkey_changelist")
ADD_KEY = reverse("admin:conversations_upstreamkey_add")
TARGETS = reverse("admin:conversations_upstreamtarget_changelist")
ADD_TARGET = reverse("admin:conversations_upstreamtarget_add")
NOW = reverse("admin:conversations_upstreamtarget_now")
SECRET = "sk-vendor-0123456789abcdef"
KEY = {"name": "main", "vendor": "openai", "base_url": "", "secret": SECRET, "weight": "1", "max_concurrent": "0"}
TARGET = {"model": "gpt-4", "vendor": "openai", "priority": "1", "weight": "1", "max_concurrent": "0"}
ON = {"is_enabled": "on"}


def key_page(key: UpstreamKey) -> str:
    return reverse("admin:conversations_upstreamkey_change", args=[key.pk])


def version() -> int:
    row = UpstreamVersion.objects.first()
    return row.version if row else 0


def press(client: Client, url: str, action: str, *rows: Any, **more: str) -> str:
    chosen = {"action": action, "index": "0", "_selected_action": [row.pk for row in rows], **more}
    return client.post(url, chosen, follow=True).content.decode()


def test_a_key_is_never_shown(admin_client: Client) -> None:
    made = admin_client.post(ADD_KEY, {**KEY, **ON}, follow=True)

    key = UpstreamKey.objects.get()
    pages = [made, admin_client.get(KEYS), admin_client.get(key_page(key))]
    assert keys.secret_of(key) == SECRET
    assert SECRET not in key.encrypted
    assert [page.status_code for page in pages] == [200, 200, 200]
    assert not any(SECRET in page.content.decode() or key.encrypted in page.content.decode() for page in pages)
    assert SECRET not in "".join(f"{entry.object_repr} {entry.change_message}" for entry in LogEntry.objects.all())
    assert (
        "autocomplete" in re.findall(r'<input[^>]*name="secret"[^>]*>', admin_client.get(ADD_KEY).content.decode())[0]
    )


def test_a_key_is_replaced_and_changed_without_it(admin_client: Client) -> None:
    admin_client.post(ADD_KEY, {**KEY, **ON})
    key = UpstreamKey.objects.get()

    admin_client.post(key_page(key), {**KEY, **ON, "secret": "", "weight": "7"})
    changed = UpstreamKey.objects.get()
    admin_client.post(key_page(key), {**KEY, **ON, "secret": "sk-new"})
    replaced = UpstreamKey.objects.get()

    assert (keys.secret_of(changed), changed.weight, changed.replaced_at) == (SECRET, 7, None)
    assert changed.fingerprint == key.fingerprint
    assert keys.secret_of(replaced) == "sk-new"
    assert replaced.replaced_at is not None
    assert replaced.fingerprint != key.fingerprint
    assert version() == 3


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"secret": ""}, "OpenAI needs a key."),
        ({"secret": "sk with spaces"}, "A key has up to 4096 visible ASCII characters."),
        ({"secret": "clé"}, "A key has up to 4096 visible ASCII characters."),
        ({"secret": "x" * 5000}, "Ensure this value has at most 4096 characters"),
        ({"base_url": "ftp://vendor.example"}, "The base URL begins with http:// or https:// and a host."),
        ({"base_url": "https://user:pass@vendor.example/v1"}, "The base URL begins with"),
        ({"base_url": "http://[::1"}, "The base URL begins with"),
        ({"base_url": "http://vendor.example:99999/v1"}, "The base URL begins with"),
        ({"vendor": "echo"}, "Select a valid choice."),
        ({"vendor": "nobody"}, "Select a valid choice."),
        ({"weight": "0"}, "Ensure this value is greater than or equal to 1."),
        ({"weight": "99999999999999999999"}, "Ensure this value is less than or equal to"),
        ({"name": "a\x00b"}, "Null characters are not allowed."),
    ],
)
def test_a_wrong_key_is_refused(admin_client: Client, wrong: dict[str, str], said: str) -> None:
    page = admin_client.post(ADD_KEY, {**KEY, **ON, **wrong}, follow=True).content.decode()

    assert said in page.replace("&#x27;", "'")
    assert UpstreamKey.objects.count() == 0
    assert version() == 0


@pytest.mark.parametrize("change", [{"base_url": "https://elsewhere.example/v1"}, {"vendor": "deepseek"}])
def test_a_key_goes_nowhere_else_unless_it_is_entered_again(admin_client: Client, change: dict[str, str]) -> None:
    admin_client.post(ADD_KEY, {**KEY, **ON})
    key = UpstreamKey.objects.get()

    page = admin_client.post(key_page(key), {**KEY, **ON, "secret": "", **change}, follow=True).content.decode()

    assert "Enter the key again for another vendor or another address." in page
    key.refresh_from_db()
    assert (key.vendor, key.base_url) == ("openai", "")
    admin_client.post(key_page(key), {**KEY, **ON, **change})
    key.refresh_from_db()
    assert (key.vendor, key.base_url) != ("openai", "")


def test_an_internal_address_and_a_vendor_without_keys_are_the_operators_choice(admin_client: Client) -> None:
    given = {**KEY, **ON, "vendor": "ollama", "secret": "", "base_url": "http://10.0.0.7:11434/v1"}

    admin_client.post(ADD_KEY, given)
    routes.refresh()

    assert UpstreamKey.objects.get().encrypted == ""
    (access,) = table.current().accesses["ollama"]
    assert (access.base_url, access.secret) == ("http://10.0.0.7:11434/v1", "")


def test_a_name_is_taken_once(admin_client: Client) -> None:
    UpstreamKeyFactory.create(name="main")

    page = admin_client.post(ADD_KEY, {**KEY, **ON}, follow=True).content.decode()

    assert "already exists" in page
    assert UpstreamKey.objects.count() == 1


def test_keys_are_disabled_enabled_and_deleted_with_their_targets(admin_client: Client) -> None:
    admin_client.post(ADD_KEY, {**KEY, **ON})
    key = UpstreamKey.objects.get()
    admin_client.post(ADD_TARGET, {**TARGET, **ON, "key": key.pk})
    routes.refresh()
    assert list(table.current().targets) == ["gpt-4"]

    assert "Keys disabled: 1." in press(admin_client, KEYS, "disable", key)
    routes.refresh()
    assert table.current().accesses == {}
    assert "Keys enabled: 1." in press(admin_client, KEYS, "enable", key)
    assert "targets that are asked with them alone" in press(admin_client, KEYS, "delete_keys", key)
    assert "Keys deleted: 1." in press(admin_client, KEYS, "delete_keys", key, confirmed="yes")
    routes.refresh()

    assert (UpstreamKey.objects.count(), UpstreamTarget.objects.count()) == (0, 0)
    assert (table.current().accesses, table.current().targets) == ({}, {})


def test_a_target_takes_the_vendor_of_its_key(admin_client: Client) -> None:
    admin_client.post(ADD_KEY, {**KEY, **ON, "vendor": "deepseek"})

    admin_client.post(ADD_TARGET, {**TARGET, **ON, "key": UpstreamKey.objects.get().pk, "read_timeout": "30"})

    target = UpstreamTarget.objects.get()
    assert (target.vendor, target.read_timeout, target.is_enabled) == ("deepseek", 30.0, True)


@pytest.mark.parametrize(
    "wrong",
    [
        {"model": ""},
        {"model": "x" * 201},
        {"model": "a\x00b"},
        {"model": "two\nlines"},
        {"upstream_model": "a\tb"},
        {"priority": "0"},
        {"weight": "1001"},
        {"read_timeout": "NaN"},
        {"read_timeout": "1e309"},
        {"read_timeout": "0"},
        {"connect_timeout": "-1"},
        {"context_window": "0"},
        {"max_concurrent": "-1"},
        {"key": "99"},
    ],
)
def test_a_wrong_target_is_refused(admin_client: Client, wrong: dict[str, str]) -> None:
    response = admin_client.post(ADD_TARGET, {**TARGET, **ON, **wrong}, follow=True)

    assert response.status_code == 200
    assert UpstreamTarget.objects.count() == 0


def test_targets_are_disabled_enabled_and_deleted(admin_client: Client) -> None:
    target = UpstreamTargetFactory.create()

    assert "Targets disabled: 1." in press(admin_client, TARGETS, "disable", target)
    assert "Targets enabled: 1." in press(admin_client, TARGETS, "enable", target)
    assert "served as the catalogue" in press(admin_client, TARGETS, "delete_targets", target)
    assert "Targets deleted: 1." in press(admin_client, TARGETS, "delete_targets", target, confirmed="yes")
    assert version() == 3


def test_takes_a_target_out_and_lets_it_in_by_hand(admin_client: Client, valkey: redis.Redis, settings: Any) -> None:
    settings.VENDOR_SETTINGS = {}
    admin_client.post(ADD_KEY, {**KEY, **ON})
    admin_client.post(ADD_TARGET, {**TARGET, **ON, "key": UpstreamKey.objects.get().pk})
    routes.refresh()
    (routed,) = targets.for_model("gpt-4")

    out = admin_client.post(NOW, {"target": routed.id, "wanted": "out"}, follow=True).content.decode()
    (taken,) = overview.read(valkey)
    back = admin_client.post(NOW, {"target": routed.id, "wanted": "in"}, follow=True).content.decode()
    (let_in,) = overview.read(valkey)

    assert "Taken out for an hour at most: openai / main / gpt-4." in out
    assert re.search(r"taken_out\s*</span>\s+by admin", out)
    assert (taken.state, taken.reason) == ("taken_out", "by admin")
    assert "Let in again" in back
    assert let_in.state == "available"
    assert SECRET not in out + back


@pytest.mark.parametrize("posted", [{}, {"target": "nobody", "wanted": "out"}, {"target": "\x00", "wanted": "in"}])
def test_a_button_of_no_target_does_nothing(admin_client: Client, valkey: redis.Redis, posted: dict[str, str]) -> None:
    page = admin_client.post(NOW, posted, follow=True).content.decode()

    assert "There is no such target any more." in page
    assert list(valkey.scan_iter("parley:upstreams:*")) == []


def test_who_may_only_look_presses_no_button(client: Client, valkey: redis.Redis) -> None:
    viewer = User.objects.create_user("viewer", is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_upstreamtarget"))
    client.force_login(viewer)

    assert client.get(NOW).status_code == 200
    assert client.post(NOW, {"target": "x", "wanted": "out"}).status_code == 403
    assert client.get(KEYS).status_code == 403


def test_who_may_see_nothing_sees_no_targets(client: Client) -> None:
    client.force_login(User.objects.create_user("staff", is_staff=True))

    assert client.get(NOW).status_code == 403


def test_a_key_that_cannot_be_decrypted_is_shown_as_such(admin_client: Client) -> None:
    admin_client.post(ADD_KEY, {**KEY, **ON})
    sound = admin_client.get(KEYS).content.decode()
    # As a key that a SECRET_KEY which is gone has encrypted.
    UpstreamKey.objects.update(encrypted="gAAAA")

    lost = admin_client.get(KEYS).content.decode()
    admin_client.post(key_page(UpstreamKey.objects.get()), {**KEY, **ON})

    assert ("undecryptable" in sound.lower(), "undecryptable" in lost.lower()) == (False, True)
    assert keys.secret_of(UpstreamKey.objects.get()) == SECRET


def test_the_page_of_all_targets_has_a_bound_and_a_search(admin_client: Client, valkey: redis.Redis) -> None:
    known = [Access(f"key-{number}", f"sk-{number}", "http://inside/v1", pk=number) for number in range(1, 251)]
    rows = {f"model-{access.pk}": [TargetRow("openai", access_pk=access.pk)] for access in known}
    table.install(AdminTable(1, {"openai": known}, rows))
    (last,) = targets.for_model("model-99")
    overview.take_out(valkey, target_id=last.id, reason="by me")

    page = admin_client.get(NOW).content.decode()
    found = admin_client.get(NOW, {"q": "model-250"}).content.decode()

    assert [page.count(f'value="{act}"') for act in ("out", "in")] == [199, 1]
    assert "The first 200 of 250" in page
    assert page.index("by me") < page.index("available")
    assert found.count('value="out"') == 1
    assert "openai / key-250 / model-250" in found
