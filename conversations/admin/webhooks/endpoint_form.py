"""The form of a webhook endpoint: what can be checked before the service is called."""

from django import forms
from django.conf import settings
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from conversations import errors
from conversations.outbound import guard
from conversations.outbound.guard import CheckedUrl
from conversations.webhooks.payloads import ALL, EventType

EVENT_TYPES = [(ALL, "all, also those of later versions"), *((one.value, one.value) for one in EventType)]


def check_url(url: str) -> CheckedUrl | forms.ValidationError:
    """Looks the URL's host up. To be called before Django opens the transaction in which it saves a form."""
    try:
        return guard.check_url(url, param="url", allow=settings.OUTBOUND_ALLOW)
    except errors.InvalidRequest as exc:
        return forms.ValidationError(exc.message)


class EndpointForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    checked_url: CheckedUrl | forms.ValidationError = forms.ValidationError("The URL was not looked up.")
    events = forms.MultipleChoiceField(choices=EVENT_TYPES, widget=UnfoldAdminCheckboxSelectMultipleWidget)

    def clean_url(self) -> str:
        if "url" not in self.changed_data:
            return str(self.cleaned_data["url"])
        if isinstance(self.checked_url, forms.ValidationError):
            raise self.checked_url
        return self.checked_url
