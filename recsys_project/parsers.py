"""Parsers of request bodies."""

from typing import Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser

from recsys_project.contract import check_body


class BoundedJSONParser(JSONParser):
    """DRF's JSON parser, which also rejects JSON that is nested too deeply and fields that the endpoint does not
    document."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        try:
            body = super().parse(stream, media_type=media_type, parser_context=parser_context)
        except RecursionError as error:
            raise ParseError("JSON parse error - nested too deeply.") from error
        if parser_context and "request" in parser_context:
            check_body(parser_context["request"]._request, body)
        return body
