"""Names the scope of each operation in the OpenAPI schema, and says which texts may not be empty."""

from typing import Any

from drf_spectacular.openapi import AutoSchema
from rest_framework.serializers import CharField

from accounts.clients.authentication import scope_of
from accounts.models import EXTERNAL_ID_LENGTH

# What accounts.clients.users.external_id_problem refuses: control characters and what is not UTF-8, also spaces at the
# ends, and what cannot stand in a path.
_CONTROL = r"\u0000-\u001f\u007f-\u009f\u2028\u2029\ufffd"
_SPACE = r" \u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"
_END = f"[^/{_SPACE}{_CONTROL}]"
EXTERNAL_ID_SCHEMA = {
    "type": "string",
    "minLength": 1,
    "maxLength": EXTERNAL_ID_LENGTH,
    "pattern": rf"^(?!\.{{1,2}}$)(?!.*/export$){_END}([^{_CONTROL}]*{_END})?$",
}


class ScopedSchema(AutoSchema):
    """drf-spectacular's schema of an operation, whose description names the scope that a key needs."""

    def get_operation(self, *args: Any, **kwargs: Any) -> Any:
        operation = super().get_operation(*args, **kwargs)
        scope = scope_of(self.view, self.method)
        if operation and scope:
            text = f"{operation.get('description', '')}\n\nWith an API key: scope `{scope}`."
            operation["description"] = text.strip()
        return operation

    def _map_serializer_field(self, field: Any, direction: Any, bypass_extensions: bool = False) -> Any:
        """drf-spectacular's, which says so only where requests and answers have schemas of their own."""
        schema = super()._map_serializer_field(field, direction, bypass_extensions)
        takes_text = direction == "request" and isinstance(field, CharField) and not field.allow_blank
        if takes_text and schema.get("type") == "string" and "minLength" not in schema and "enum" not in schema:
            return {**schema, "minLength": 1}
        return schema
