"""The routes under ``/api/taste-imports/``."""

from django.urls import URLPattern, path

from events.taste.api import views

app_name = "taste-imports"
urlpatterns: list[URLPattern] = [
    path("", views.TasteImportsView.as_view(), name="create"),
    path("<uuid:import_id>/", views.TasteImportView.as_view(), name="one"),
    path("<uuid:import_id>/confirm/", views.TasteImportConfirmView.as_view(), name="confirm"),
    path("<uuid:import_id>/unmatched/", views.TasteImportUnmatchedView.as_view(), name="unmatched"),
]
