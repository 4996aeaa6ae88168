"""E-mail addresses in one spelling, so that an account has one and no other account has one that only seems to be it.

The part before the @ is NFKC-normalised, in lower case and ASCII. Mail servers allow more, but a Cyrillic letter
like "a" or an invisible character deceives people. The domain is in IDNA's ASCII form (UTS 46), as the DNS has it.
"""

import re
import unicodedata

import idna
from django.core.exceptions import ValidationError

MAX_LENGTH = 254
# What a mail server accepts without quotes (RFC 5322, dot-atom). Quotes would allow spaces and control characters.
_LOCAL = re.compile(r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
# Categories of characters that are not visible: format, control, separators, unassigned, private and surrogates.
_INVISIBLE = ("Cf", "Cc", "Zs", "Zl", "Zp", "Cn", "Co", "Cs")


def canonical(address: str) -> str:
    """The one spelling of an address; of what is no address, the nearest to it. Used to look accounts up; never raises.

    >>> canonical(" Ada@Bücher.example ")
    'ada@xn--bcher-kva.example'
    """
    if len(address) > 4 * MAX_LENGTH:
        return address.lower()
    plain = unicodedata.normalize("NFKC", address).strip().lower()
    local, at, domain = plain.rpartition("@")
    return plain if domain.isascii() else f"{local}{at}{_ascii_domain(domain) or domain}"


def validated(address: str) -> str:
    """The one spelling of an address that may be registered. Raises ValidationError that says what is wrong."""
    spelt = canonical(address)
    if len(spelt) > MAX_LENGTH:
        raise ValidationError(f"An e-mail address has at most {MAX_LENGTH} characters.")
    for character in address.strip():
        if unicodedata.category(character) in _INVISIBLE:
            raise ValidationError(f"An e-mail address cannot hold the invisible character {_named(character)}.")
    local, _, domain = spelt.rpartition("@")
    if not local or not domain:
        raise ValidationError("Enter a valid email address.")
    for character in local:
        if not character.isascii():
            raise ValidationError(
                f"Before the @ an address may hold a to z, digits and signs like . _ + -, not {_named(character)}."
            )
    if len(local) > 64 or not _LOCAL.fullmatch(local) or "." not in domain or _ascii_domain(domain) is None:
        raise ValidationError("Enter a valid email address.")
    return spelt


def _ascii_domain(domain: str) -> str | None:
    """The domain in ASCII; None if it is no domain name."""
    if len(domain) > MAX_LENGTH:
        return None
    try:
        return idna.encode(domain, uts46=True).decode().lower()
    except (idna.IDNAError, UnicodeError):
        return None


def _named(character: str) -> str:
    return f"U+{ord(character):04X} {unicodedata.name(character, '')}".strip()
