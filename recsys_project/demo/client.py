"""A client of the REST API that uses only the standard library."""

import json
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

from recsys_project.demo.steps import DemoError

_TIMEOUT_SECONDS = 30


class ApiClient:
    """Calls the API at ``url``: anonymously, or as a user after ``sign_in``."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._token: str | None = None

    def sign_in(self, token: str) -> None:
        """Sends this access token with all later requests."""
        self._token = token

    def get(self, path: str, **query: str | int) -> Any:
        """Returns the JSON body of a 200. Raises DemoError for any other response."""
        return self._call("GET", f"{path}?{urllib.parse.urlencode(query)}" if query else path, None, expected=200)

    def post(self, path: str, body: dict[str, Any], *, expected: int = 201) -> Any:
        """Returns the JSON body of a response with the expected status. Raises DemoError for any other."""
        return self._call("POST", path, body, expected=expected)

    def _call(self, method: str, path: str, body: dict[str, Any] | None, *, expected: int) -> Any:
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self._url}{path}", data, headers, method=method)  # noqa: S310 -- own server.
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as response:  # noqa: S310 -- own server.  # nosec B310
                status, text = response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            status, text = error.code, error.read().decode(errors="replace")
        except OSError as error:
            raise DemoError(f"{method} {path}: {error}") from error
        if status != expected:
            raise DemoError(f"{method} {path} answered {status}, not {expected}: {text[:500]}")
        try:
            return json.loads(text)
        except ValueError as error:
            raise DemoError(f"{method} {path} answered no JSON: {text[:500]}") from error
