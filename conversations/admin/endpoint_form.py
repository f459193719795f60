"""The form of a webhook endpoint: what can be seen to be wrong before the service is asked."""

from django import forms
from django.conf import settings
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from conversations import errors
from conversations.outbound import guard
from conversations.webhooks.payloads import ALL, EventType

EVENT_TYPES = [(ALL, "all, also those of later versions"), *((one.value, one.value) for one in EventType)]


class EndpointForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    events = forms.MultipleChoiceField(choices=EVENT_TYPES, widget=UnfoldAdminCheckboxSelectMultipleWidget)

    def clean_url(self) -> str:
        """Judged by the service again; here the error finds its field."""
        url = str(self.cleaned_data["url"])
        if "url" not in self.changed_data:
            return url
        try:
            return guard.check_url(url, param="url", allow=settings.OUTBOUND_ALLOW)
        except errors.InvalidRequest as exc:
            raise forms.ValidationError(exc.message) from exc
