"""Sessions of the admin in the database, under a hash of their keys.

A session's key is what signs its browser in. Django stores it as it is, so that whoever reads the table, or a backup of
it, could go on in anybody's session; of a hash nobody gets back to the key.
"""

import hashlib
from typing import Any

from django.contrib.sessions.backends import db
from django.utils import timezone


class SessionStore(db.SessionStore):
    """Django's, for synchronous code, which this site's is. Its name is part of what Django signs the data with."""

    def _get_session_from_db(self) -> Any:
        key = _stored(str(self.session_key))
        found = self.model.objects.filter(session_key=key, expire_date__gt=timezone.now()).first()
        if found is None:
            self._session_key = None
        return found

    def exists(self, session_key: str) -> bool:
        return super().exists(_stored(session_key))

    def create_model_instance(self, data: dict[str, Any]) -> Any:
        made = super().create_model_instance(data)
        made.session_key = _stored(made.session_key)
        return made

    def delete(self, session_key: str | None = None) -> None:
        key = self.session_key if session_key is None else session_key
        if key is not None:
            super().delete(_stored(key))


def _stored(session_key: str) -> str:
    """As long as the column: 160 bits, of a key that has as many, are enough without a salt."""
    return hashlib.sha256(session_key.encode(errors="backslashreplace")).hexdigest()[:40]
