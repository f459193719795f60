"""What texts in the usual charsets consist of."""

import math
from dataclasses import dataclass

# Each list is of the commonest characters; how they are ordered means nothing.
_SIMPLIFIED = (
    "的一是在不了有和人这中大为上个国我以要他时来用们生到作地于出就分对成会可主发年动同工也能下过子说产种"
    "面而方后多定行学法所民得经十三之进着等部度家电力里如水化高自二理起小物现实加量都两体制机当使点从业本"
    "去把性好应开它合还因由其些然前外天政四日那社义事平形相全表间样与关各重新线内数正心反你明看原又么利比"
    "或但质气第向道命此变条只没结解问意建月公无系军很情者最立代想已通并提直题党程展五果料象员革位入常文总"
    "次品式活设及管特件长求老头基资边流路级少图山统接知较将组见计别她手角期根论运农指几九区强放决西被干做"
    "必战先回则任取据处府世"
)
_TRADITIONAL = (
    "的一是在不了有和人這中大為上個國我以要他時來用們生到作地於出就分對成會可主發年動同工也能下過子說產種"
    "面而方後多定行學法所民得經十三之進著等部度家電力裡如水化高自二理起小物現實加量都兩體制機當使點從業本"
    "去把性好應開它合還因由其些然前外天政四日那社義事平形相全表間樣與關各重新線內數正心反你明看原又麼利比"
    "或但質氣第向道命此變條只沒結解問意建月公無系軍很情者最立代想已通並提直題黨程展五果料象員革位入常文總"
    "次品式活設及管特件長求老頭基資邊流路級少圖山統接知較將組見計別她手角期根論運農指幾九區強放決西被幹做"
    "必戰先回則任取據處府世"
)
_HANGUL = (
    "이다는의에가을고하지로사기은한리어자인대도해시서수나를들정일그아제전부있상과보만라장주게구국스여것원"
    "연조성우신동원음으니요모면들세무실"
)
_KANA = "".join(map(chr, [*range(0x3041, 0x3094), *range(0x30A1, 0x30F7), 0x30FC]))
_PUNCTUATION = "，。、；：？！“”‘’（）《》「」『』【】—…·　０１２３４５６７８９"
_WESTERN = "éèàçêôùûîâëïœæöäüßñáíóúãõåøÉÈÀÇÖÄÜÑÁÓÅØ’‘“”–—…€«»°©®·¿¡£§\u00a0"
_CENTRAL = "ąćęłńóśźżĄĆĘŁŃÓŚŹŻčďěňřšťůžýáíéúČĎŘŠŽÝÁÍÉÚőűŐŰăâîșțşţ„”“’–…€\u00a0"
_CYRILLIC = "оеаинтсрвлкмдпуяыьгзбчйхжшюцщэфъёіїєґ"
_CYRILLIC_CAPITALS = _CYRILLIC.upper() + "«»—–…№“”„\u00a0"
_GREEK = "αοιετσνηυρπκμλςωθγχδφβξζψάέήίόύώ"
_GREEK_CAPITALS = _GREEK.upper() + "«»–…\u00a0"
_SHARE_OF_OTHER = 0.1


@dataclass(frozen=True, slots=True)
class FirstPlane:
    """The characters that a national standard put first because they are the usual ones: some thousands.

    They are those of a range of Unicode whose first byte in `encoding` is between two values.
    """

    encoding: str
    first_byte: int
    last_byte: int
    code_points: range

    def characters(self) -> list[int]:
        return [code for code in self.code_points if self._has(chr(code))]

    def _has(self, character: str) -> bool:
        try:
            return self.first_byte <= character.encode(self.encoding)[0] <= self.last_byte
        except UnicodeEncodeError:
            return False


@dataclass(frozen=True, slots=True)
class Language:
    """What the characters that are not ASCII are, of a text in this charset.

    `common` ones are `share` of them, `other` ones a tenth, and those of `plane` the rest. `beside_letter` is how often
    a run of them has an ASCII letter beside it, `followed` how often one of them follows another.
    """

    encoding: str
    common: str
    share: float
    plane: FirstPlane | None = None
    other: str = _PUNCTUATION
    beside_letter: float = 0.05
    followed: float = 0.9
    # Among texts that say nothing of their charset. It decides where there is a single character.
    prior: float = 0.1

    def logarithms(self) -> dict[int, float]:
        """Of the probability of every character that is not rare, by code point."""
        found: dict[int, float] = {}
        if self.plane:
            usual = self.plane.characters()
            found = dict.fromkeys(usual, math.log((1 - self.share - _SHARE_OF_OTHER) / len(usual)))
        found |= dict.fromkeys(map(ord, self.other), math.log(_SHARE_OF_OTHER / len(self.other)))
        return found | dict.fromkeys(map(ord, self.common), math.log(self.share / len(set(self.common))))


_HAN = range(0x4E00, 0x9FA6)
_HANGUL_SYLLABLES = range(0xAC00, 0xD7A4)
LANGUAGES = (
    Language("gb18030", _SIMPLIFIED, 0.5, FirstPlane("gb2312", 0xB0, 0xD7, _HAN)),
    Language("big5hkscs", _TRADITIONAL, 0.5, FirstPlane("big5", 0xA4, 0xC6, _HAN)),
    Language("cp932", _KANA, 0.55, FirstPlane("shift_jis", 0x88, 0x97, _HAN)),
    Language("euc_jp", _KANA, 0.55, FirstPlane("euc_jp", 0xB0, 0xCF, _HAN)),
    Language("cp949", _HANGUL, 0.5, FirstPlane("euc_kr", 0xB0, 0xC8, _HANGUL_SYLLABLES)),
    Language("cp1252", _WESTERN, 0.8, None, "ÂÊÎÔÛËÏÚÍÕÃÆŒþðÿ½¼²³µ¶ª", 0.8, 0.03, 0.4),
    Language("cp1250", _CENTRAL, 0.8, None, "§°»«©®", 0.8, 0.05, 0.02),
    Language("cp1251", _CYRILLIC, 0.85, None, _CYRILLIC_CAPITALS, 0.01, 0.9, 0.002),
    Language("koi8_r", _CYRILLIC, 0.85, None, _CYRILLIC_CAPITALS, 0.01, 0.9, 0.0005),
    Language("cp1253", _GREEK, 0.85, None, _GREEK_CAPITALS, 0.01, 0.9, 0.0005),
)
