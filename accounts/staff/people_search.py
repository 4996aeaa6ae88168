"""Finds people for staff, by what has an index."""

from typing import Final

from django.db.models import Q

from accounts.models import User

MAX_FOUND: Final = 500
SEARCH_HELP: Final = "The beginning of an e-mail address, the id of a person, or SOURCE:ID as in ml-25m:42 or shop:u7."
_MAX_DIGITS = 18


def users_found(term: str) -> list[int]:
    """The ids of people whose address begins with the term, whose id it is, or who are SOURCE:ID of a data set or a
    client application. Three queries at most, each by an index; at most MAX_FOUND ids."""
    term = term.replace("\x00", "").strip()
    if not term:
        return []
    users = User.objects.order_by("email")
    found = list(users.filter(email__startswith=term.lower()).values_list("pk", flat=True)[:MAX_FOUND])
    if _is_id(term):
        found += User.objects.filter(pk=int(term)).values_list("pk", flat=True)
    source, colon, number = term.partition(":")
    if colon:
        found += User.objects.filter(client__name=source, external_id=number).values_list("pk", flat=True)
        if _is_id(number):
            found += User.objects.filter(dataset=source, dataset_user_id=int(number)).values_list("pk", flat=True)
    return found


def people_named(term: str, *, addresses: bool) -> list[int]:
    """The ids of the people with exactly this address, or this id. One query at most.

    addresses: whether whoever asks may see addresses; otherwise a search by one would tell who has an account.
    """
    if _is_id(term):
        named = Q(pk=int(term))
    elif addresses and "@" in term:
        named = Q(email=User.objects.normalize_email(term))
    else:
        return []
    return list(User.objects.filter(named).values_list("pk", flat=True))


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS
