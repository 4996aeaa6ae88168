"""The REST API: authentication, parsing, body limits and its schema."""

from recsys_project.settings.environment import env

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.authentication.AccessTokenAuthentication",
        "accounts.clients.authentication.ClientKeyAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["recsys_project.parsers.BoundedJSONParser"],
    "EXCEPTION_HANDLER": "recsys_project.exceptions.exception_handler",
    "DEFAULT_SCHEMA_CLASS": "accounts.clients.openapi.ScopedSchema",
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Movie recommender",
    "DESCRIPTION": "Recommendations that react to a user's latest activity.",
    "VERSION": "0.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "ENUM_NAME_OVERRIDES": {
        "GroupStateEnum": "accounts.groups.selectors.GROUP_STATES",
        "TasteImportStateEnum": "events.taste.models.TasteImport.State",
        "GroupMemberStateEnum": "accounts.groups.selectors.MEMBER_STATES",
    },
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "recsys_project.openapi.document_errors",
        "recsys_project.openapi.add_examples",
        "recsys_project.request_bounds.close_bodies",
        "recsys_project.request_bounds.bound_texts",
    ],
}
CSRF_FAILURE_VIEW = "recsys_project.exceptions.csrf_failure"
# The largest body of any request, in bytes; file uploads in the admin are not counted. The API's are smaller, below.
DATA_UPLOAD_MAX_MEMORY_SIZE = env.int("MAX_BODY_BYTES", default=1024 * 1024)
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2000
# Body limits in bytes by path prefix; the first match counts. About twice the largest sensible body, since the time of
# a request grows with it.
BODY_LIMIT_ROUTES = [
    ("/api/events/", 512 * 1024),
    ("/api/recommendations/session/", 64 * 1024),
    ("/api/recommendations/group/", 16 * 1024),
    ("/api/", 32 * 1024),
]
# Routes that take files, and the largest body of each, which may be above DATA_UPLOAD_MAX_MEMORY_SIZE. The web worker
# collects them in memory like other bodies (recsys_project/web_worker.py).
UPLOAD_LIMIT_ROUTES = {
    "/api/taste-imports/": env.int("MAX_UPLOAD_BYTES", default=20 * 1024 * 1024),
    # A sheet of movies may have 5 MB (movies/sheets/files.py), and its form a few fields more.
    "/admin/movies/movie/import/": 5 * 1024 * 1024 + 64 * 1024,
}
