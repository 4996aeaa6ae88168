"""The routes under ``/api/experiments/``."""

from django.urls import URLPattern, path

from recommendations.api import experiment_views as views

app_name = "experiments"
urlpatterns: list[URLPattern] = [
    path("", views.ExperimentsView.as_view(), name="list"),
    path("<slug:name>/", views.ExperimentView.as_view(), name="experiment"),
    path("<slug:name>/start/", views.ExperimentStartView.as_view(), name="start"),
    path("<slug:name>/stop/", views.ExperimentStopView.as_view(), name="stop"),
    path("<slug:name>/results/", views.ExperimentResultsView.as_view(), name="results"),
]
