"""Where a reader stands in one list: signed, so that it is theirs and as it was given."""

from dataclasses import dataclass
from uuid import UUID

from django.core import signing
from django.core.exceptions import ValidationError

_SALT = "recommendations.cursor"
_REFUSED = {
    "expired": "This list is no longer kept: ask again without a cursor.",
    "foreign": "This cursor belongs to another list or person.",
    "broken": "This is not a cursor that was given here.",
}


@dataclass(frozen=True)
class Cursor:
    """The next item of a list is number ``offset`` (from 0)."""

    recommendation_id: UUID
    offset: int

    def text(self, user_id: int, fingerprint: str) -> str:
        """The cursor as the client keeps it, for this person and these filters alone."""
        value = [str(self.recommendation_id), self.offset, user_id, fingerprint]
        return signing.dumps(value, salt=_SALT)


def cursor_read(text: str, user_id: int, fingerprint: str, max_age: int) -> Cursor:
    """Reads a cursor. Raises ValidationError naming ``cursor`` when it is broken, too old or somebody else's."""
    try:
        recommendation_id, offset, owner, filters = signing.loads(text, salt=_SALT, max_age=max_age)
    except signing.SignatureExpired as error:
        raise refused("expired") from error
    except (signing.BadSignature, ValueError, TypeError) as error:
        raise refused("broken") from error
    if owner != user_id or filters != fingerprint:
        raise refused("foreign")
    return Cursor(UUID(recommendation_id), offset)


def refused(why: str) -> ValidationError:
    """The error that says why a cursor leads nowhere: expired, foreign or broken."""
    return ValidationError({"cursor": _REFUSED[why]})
