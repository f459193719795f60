"""Countries by their code: the name that Tavily has for it, and its language where there is one.

The countries are those that Brave can search in; its documentation lists them under "Country codes".
"""

import re

_KANA = re.compile(r"[\u3040-\u30ff]")
_HANGUL = re.compile(r"[\uac00-\ud7a3]")
_HAN = re.compile(r"[\u4e00-\u9fff]")

COUNTRIES: dict[str, tuple[str, str]] = {
    "AR": ("argentina", "es"), "AT": ("austria", "de"), "AU": ("australia", "en"), "BE": ("belgium", ""),
    "BR": ("brazil", "pt"), "CA": ("canada", ""), "CH": ("switzerland", ""), "CL": ("chile", "es"),
    "CN": ("china", "zh"), "DE": ("germany", "de"), "DK": ("denmark", "da"), "ES": ("spain", "es"),
    "FI": ("finland", "fi"), "FR": ("france", "fr"), "GB": ("united kingdom", "en"), "HK": ("hong kong", "zh"),
    "ID": ("indonesia", "id"), "IN": ("india", ""), "IT": ("italy", "it"), "JP": ("japan", "ja"),
    "KR": ("south korea", "ko"), "MX": ("mexico", "es"), "MY": ("malaysia", ""), "NL": ("netherlands", "nl"),
    "NO": ("norway", "nb"), "NZ": ("new zealand", "en"), "PH": ("philippines", ""), "PL": ("poland", "pl"),
    "PT": ("portugal", "pt"), "RU": ("russia", "ru"), "SA": ("saudi arabia", "ar"), "SE": ("sweden", "sv"),
    "TR": ("turkey", "tr"), "TW": ("taiwan", "zh"), "US": ("united states", "en"), "ZA": ("south africa", ""),
}  # fmt: skip


def name_of(country: str) -> str | None:
    return COUNTRIES[country][0] if country in COUNTRIES else None


def language_of(text: str, *, country: str) -> str:
    """The language to search in, as a code of ISO 639-1: that of the text's script, else the country's. "": any.

    A Chinese question that is searched in English finds nothing, and Brave searches in English unless told otherwise.
    """
    if _KANA.search(text):
        return "ja"
    if _HANGUL.search(text):
        return "ko"
    if _HAN.search(text):
        return "zh"
    return COUNTRIES[country][1] if country in COUNTRIES else ""
