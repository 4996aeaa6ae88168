"""The list for a group."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from movies.api.pagination import envelope
from recommendations.api.query import NOT_FOR_GROUPS, GroupSerializer
from recommendations.api.serializers import GroupListSerializer
from recommendations.serving.group_lists import group_list


class GroupListView(APIView):
    """Recommendations for several people together."""

    @extend_schema(
        tags=["recommendations"],
        summary="What to watch together",
        description=(
            "Everybody in the group must have accepted. Leaves out what you have seen; what the others have seen has "
            "no effect on it. The list stays for a day. Filters, exclude and mood are not supported."
        ),
        operation_id="recommendations_group",
        request=GroupSerializer,
        responses=GroupListSerializer,
        extensions={"x-unsupported": NOT_FOR_GROUPS},
    )
    def post(self, request: Request) -> Response:
        body = GroupSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        valid = body.validated_data
        answer = group_list(
            user=request.user,  # type: ignore[arg-type]  # IsAuthenticated holds.
            group_id=valid["group"],
            strategy=valid["strategy"],
            limit=valid["limit"],
            region=valid.get("region", ""),
            request_id=getattr(request, "request_id", ""),
            expand=valid.get("expand", ()),
        )
        return Response(envelope(**answer), headers={"Cache-Control": "private, no-store"})
