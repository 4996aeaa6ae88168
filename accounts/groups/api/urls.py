"""The routes under ``/api/groups/``."""

from django.urls import path

from accounts.groups.api import views

app_name = "groups"
urlpatterns = [
    path("", views.GroupsView.as_view(), name="list"),
    path("<uuid:group_id>/", views.GroupView.as_view(), name="group"),
    path("<uuid:group_id>/accept/", views.GroupAcceptView.as_view(), name="accept"),
]
