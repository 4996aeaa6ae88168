"""Stores the admin's sessions in the database under a hash of their keys.

The session key alone signs a browser in. Django stores it in plain text, so anyone who reads the table or a backup of
it could take over a session. A hash cannot be turned back into the key.
"""

import hashlib
from typing import Any

from django.contrib.sessions.backends import db
from django.utils import timezone


class SessionStore(db.SessionStore):
    """Django's database sessions, for synchronous code. Renaming the class ends all sessions: its name signs them."""

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
    """The key's hash, cut to the column's 40 characters: 160 bits. The key is random, so it needs no salt."""
    return hashlib.sha256(session_key.encode(errors="backslashreplace")).hexdigest()[:40]
