"""Countries by their two letters (ISO 3166-1 alpha-2)."""

from django.core.exceptions import ValidationError
from django.db import models

_CODES = (
    "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ"
    " CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO"
    " FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE"
    " JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO"
    " MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW"
    " PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM"
    " TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW"
)
COUNTRIES = frozenset(_CODES.split())


def validate_country(code: str) -> None:
    """Raises ValidationError unless the text is the code of a country, in capitals."""
    if code not in COUNTRIES:
        raise ValidationError(f"{code[:20]} is no country: give two letters of ISO 3166, such as SE.", code="country")


class CountryField(models.CharField):
    """The two capital letters of a country; small letters from forms are raised."""

    def __init__(self, **options: object) -> None:
        super().__init__(**({"max_length": 2, "validators": [validate_country]} | options))  # type: ignore[arg-type]

    def to_python(self, value: object) -> str | None:
        """The trimmed text in capitals."""
        text = super().to_python(value)
        return text.strip().upper() if isinstance(text, str) else text
