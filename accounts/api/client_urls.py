"""The routes under ``/api/users/``. An id may hold slashes; see ``accounts.clients.users.external_id_problem``."""

from django.urls import path

from accounts.api.client_views import ClientUserExportView, ClientUserView

app_name = "clients"
urlpatterns = [
    path("<path:external_id>/export/", ClientUserExportView.as_view(), name="user-export"),
    path("<path:external_id>/", ClientUserView.as_view(), name="user"),
]
