"""The ledger: what somebody enters by hand. How it is read: `entry_pages.py`."""

import secrets
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin
from django.db import models
from django.http import HttpRequest
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from conversations import errors
from conversations.admin.money.entry_pages import EntryPages
from conversations.models import Account, LedgerEntry, Run
from conversations.models.money.ledger import NOTE_MAX_CHARS, REFERENCE_MAX_CHARS
from conversations.rules.money import amounts
from conversations.services.money import balances


class ByHand(models.TextChoices):
    """What somebody may enter."""

    TOP_UP = "top_up", "Top up"
    ADJUST = "adjust", "Adjust: add, or take with a minus"
    REFUND = "refund", "Refund a run"
    OPEN = "open", "Open a balance: the account pays from now on"
    CLOSE = "close", "Close the balance: the account pays no more, and what is left is taken"
    CALLS = "calls", "Set the calls that are left"


WITHOUT_AMOUNT = (ByHand.CLOSE, ByHand.CALLS)


class AmountField(forms.CharField):
    def clean(self, value: Any) -> Decimal | None:
        text = super().clean(value)
        try:
            return amounts.parse(text) if text else None
        except ValueError as exc:
            raise forms.ValidationError(f"It {exc}.") from exc


def _new_reference() -> str:
    """Of a form, so that one that is sent twice is entered once."""
    return f"form {secrets.token_hex(8)}"


class EntryForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    what = forms.ChoiceField(choices=ByHand.choices, widget=UnfoldAdminSelectWidget)
    amount = AmountField(
        required=False,
        max_length=40,
        widget=UnfoldAdminTextInputWidget,
        help_text="In the installation's currency. Not needed to close a balance or to set calls.",
    )
    calls = forms.IntegerField(
        required=False,
        min_value=0,
        max_value=balances.CALLS_MAX,
        widget=UnfoldAdminTextInputWidget,
        help_text="How many are left from now on; empty means any number. Only to set calls.",
    )
    run_id = forms.CharField(
        required=False,
        max_length=40,
        widget=UnfoldAdminTextInputWidget,
        help_text="Of a refund: the id of the run.",
    )
    reference = forms.CharField(
        required=False,
        max_length=REFERENCE_MAX_CHARS,
        initial=_new_reference,
        widget=UnfoldAdminTextInputWidget,
        help_text="The payment's own id, if there is one. An account has no two entries with the same reference.",
    )
    note = forms.CharField(required=False, max_length=NOTE_MAX_CHARS, widget=UnfoldAdminTextInputWidget)

    class Meta:
        model = LedgerEntry
        # What is entered is entered by the service: of the form's row only the account is used.
        fields = ("account",)

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        needs_amount = given.get("what") not in WITHOUT_AMOUNT
        if needs_amount and given.get("amount") is None and "amount" not in self.errors:
            self.add_error("amount", "How much?")
        return given


def _enter(account: Account, given: Mapping[str, Any]) -> LedgerEntry:
    """Raises InvalidRequest."""
    amount, text = given["amount"], {"note": given["note"], "reference": given["reference"]}
    match ByHand(given["what"]):
        case ByHand.OPEN:
            return balances.open_balance(account=account, amount=amount, **text)
        case ByHand.CLOSE:
            return balances.close_balance(account=account, **text)
        case ByHand.CALLS:
            return balances.set_calls(account=account, calls=given["calls"], **text)
        case ByHand.TOP_UP:
            return balances.top_up(account=account, amount=amount, **text)
        case ByHand.ADJUST:
            return balances.adjust(account=account, amount=amount, **text)
    run = Run.objects.for_account(account).filter(public_id=given["run_id"].strip()).first()
    if run is None:
        raise errors.InvalidRequest("The account has no such run.")
    return balances.refund(run=run, amount=amount, **text)


@admin.register(LedgerEntry)
class LedgerEntryAdmin(EntryPages):
    can_add = True
    form = EntryForm
    autocomplete_fields = ("account",)
    add_fieldsets = ((None, {"fields": ("account", "what", "amount", "calls", "run_id", "reference", "note")}),)

    def save_model(self, request: HttpRequest, obj: LedgerEntry, form: EntryForm, change: bool) -> None:
        entry = _enter(obj.account, form.cleaned_data)
        obj.pk, obj.kind = entry.pk, entry.kind
