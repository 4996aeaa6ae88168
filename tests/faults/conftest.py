"""The cinema of the functional tests, with a server of its own: what fails here must not disturb those."""

from tests.functional.conftest import cinema

__all__ = ["cinema"]
