"""The form of an API key: its scopes as boxes, its patterns one a line."""

from django import forms
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminTextareaWidget

from conversations import errors
from conversations.models import ApiKey
from conversations.rules import key_rights
from conversations.services.accounts import key_options

SCOPES = [
    *((family, family) for family in key_rights.FAMILIES),
    (key_rights.KEYS, "keys: it may make, change and revoke keys that may do no more"),
]


class PatternsField(forms.CharField):
    """A list of texts, written one a line."""

    def prepare_value(self, value: object) -> object:
        return "\n".join(value) if isinstance(value, list) else value

    def to_python(self, value: object) -> list[str]:  # type: ignore[override]  # a list, of a text
        return str(value or "").split()

    def has_changed(self, initial: object, data: object) -> bool:
        return self.to_python(data) != (initial or [])


class KeyForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    scopes = forms.MultipleChoiceField(
        choices=SCOPES,
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text="None: every family, but not keys.",
    )
    model_patterns = PatternsField(
        label="Models",
        required=False,
        strip=True,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 4}),
        help_text="The models that it may ask, one a line; * is any characters. None: every model.",
    )

    class Meta:
        model = ApiKey
        fields = ("account", "name", "is_operator", *key_options.DEFAULT.columns)

    def clean_model_patterns(self) -> list[str]:
        patterns: list[str] = self.cleaned_data["model_patterns"]
        try:
            key_options.check({"model_patterns": patterns})
        except errors.InvalidRequest as exc:
            raise forms.ValidationError(exc.message) from exc
        return patterns
