"""The form of a webhook endpoint: what can be seen to be wrong before the service is asked."""

from django import forms
from django.conf import settings
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from conversations import errors
from conversations.outbound import guard
from conversations.outbound.guard import CheckedUrl
from conversations.webhooks.payloads import ALL, EventType

EVENT_TYPES = [(ALL, "all, also those of later versions"), *((one.value, one.value) for one in EventType)]


def judged(url: str) -> CheckedUrl | forms.ValidationError:
    """Looks the URL's host up, so it is asked before the transaction that Django saves a form in."""
    try:
        return guard.check_url(url, param="url", allow=settings.OUTBOUND_ALLOW)
    except errors.InvalidRequest as exc:
        return forms.ValidationError(exc.message)


class EndpointForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    judged_url: CheckedUrl | forms.ValidationError = forms.ValidationError("The URL was not looked up.")
    events = forms.MultipleChoiceField(choices=EVENT_TYPES, widget=UnfoldAdminCheckboxSelectMultipleWidget)

    def clean_url(self) -> str:
        if "url" not in self.changed_data:
            return str(self.cleaned_data["url"])
        if isinstance(self.judged_url, forms.ValidationError):
            raise self.judged_url
        return self.judged_url
