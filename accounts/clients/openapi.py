"""Names the scope of each operation in the OpenAPI schema."""

from typing import Any

from drf_spectacular.openapi import AutoSchema

from accounts.clients.authentication import scope_of


class ScopedSchema(AutoSchema):
    """drf-spectacular's schema of an operation, whose description names the scope that a key needs."""

    def get_operation(self, *args: Any, **kwargs: Any) -> Any:
        operation = super().get_operation(*args, **kwargs)
        scope = scope_of(self.view, self.method)
        if operation and scope:
            text = f"{operation.get('description', '')}\n\nWith an API key: scope `{scope}`."
            operation["description"] = text.strip()
        return operation
