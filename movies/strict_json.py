"""JSON from forms: whatever cannot be stored is not JSON."""

import json
from typing import Any


class StrictDecoder(json.JSONDecoder):
    """Raises JSONDecodeError for NaN and Infinity, zero bytes, lone surrogates, long numbers and deep nesting, too.

    Django's form field understands no other error, and PostgreSQL stores none of them.
    """

    def decode(self, s: str, *args: Any) -> Any:
        try:
            value = super().decode(s, *args)
            stored = json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
        except json.JSONDecodeError:
            raise
        except (ValueError, RecursionError) as error:
            raise json.JSONDecodeError("This cannot be stored", s, 0) from error
        if rb"\u0000" in stored.replace(rb"\\", b""):
            raise json.JSONDecodeError("This holds a zero byte", s, 0)
        return value
