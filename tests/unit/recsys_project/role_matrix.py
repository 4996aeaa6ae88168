"""Which role may do what on which page of the admin. A page without a row fails ``test_role_matrix.py``."""

from accounts.staff.roles import Role

CURATOR, ANALYST, OPERATOR, ADMINISTRATOR = Role
_ALL = "vacd"

# v: see the list and its rows, a: add, c: change, d: delete. Who is not named may do nothing.
MODELS: dict[str, dict[Role, str]] = {
    "accounts.Client": {OPERATOR: "vac", ADMINISTRATOR: _ALL},
    "accounts.ClientKey": {OPERATOR: "vac", ADMINISTRATOR: _ALL},
    "accounts.User": {ADMINISTRATOR: _ALL},
    "admin.LogEntry": {ADMINISTRATOR: "v"},
    "auth.Group": {ADMINISTRATOR: "v"},
    "django_celery_beat.CrontabSchedule": {OPERATOR: _ALL, ADMINISTRATOR: _ALL},
    "django_celery_beat.IntervalSchedule": {OPERATOR: _ALL, ADMINISTRATOR: _ALL},
    "django_celery_beat.PeriodicTask": {OPERATOR: _ALL, ADMINISTRATOR: _ALL},
    "events.Interaction": {ADMINISTRATOR: "v"},
    "events.ListImpression": {ADMINISTRATOR: "v"},
    "events.Rating": {ADMINISTRATOR: _ALL},
    "events.RecommendationStatistic": {CURATOR: "v", ANALYST: "v", OPERATOR: "v", ADMINISTRATOR: "v"},
    "events.ServedRecommendation": {ADMINISTRATOR: "v"},
    "events.Tag": {ADMINISTRATOR: _ALL},
    "movies.Genre": {CURATOR: _ALL, ANALYST: "v", ADMINISTRATOR: _ALL},
    "movies.Movie": {CURATOR: _ALL, ANALYST: "v", ADMINISTRATOR: _ALL},
    "movies.MovieDeletion": {CURATOR: "v", ANALYST: "v", ADMINISTRATOR: "v"},
    "movies.MovieMerge": {CURATOR: "v", ANALYST: "v", ADMINISTRATOR: "v"},
    "movies.Person": {CURATOR: _ALL, ANALYST: "v", ADMINISTRATOR: _ALL},
    "recommendations.BatchRecommendation": {ADMINISTRATOR: "v"},
    "recommendations.CuratedRow": {CURATOR: _ALL, ANALYST: "v", ADMINISTRATOR: _ALL},
    "recommendations.CurationRule": {CURATOR: _ALL, ANALYST: "v", ADMINISTRATOR: _ALL},
    "recommendations.Experiment": {CURATOR: "v", ANALYST: _ALL, OPERATOR: "v", ADMINISTRATOR: _ALL},
    "recommendations.ModelVersion": {CURATOR: "v", ANALYST: "v", OPERATOR: "v", ADMINISTRATOR: "v"},
    "recommendations.PopularMovie": {CURATOR: "v", ANALYST: "v", OPERATOR: "v", ADMINISTRATOR: "v"},
    "recommendations.Scenario": {CURATOR: _ALL, ANALYST: "v", ADMINISTRATOR: _ALL},
    "recommendations.TuningRun": {ANALYST: "v", OPERATOR: "v", ADMINISTRATOR: "v"},
}

# Actions of lists, "model action"; delete_selected is who may delete.
ACTIONS: dict[str, set[Role]] = {
    "accounts.ClientKey revoke": {OPERATOR, ADMINISTRATOR},
    "django_celery_beat.PeriodicTask disable_tasks": {OPERATOR, ADMINISTRATOR},
    "django_celery_beat.PeriodicTask enable_tasks": {OPERATOR, ADMINISTRATOR},
    "django_celery_beat.PeriodicTask run_tasks": {OPERATOR, ADMINISTRATOR},
    "django_celery_beat.PeriodicTask toggle_tasks": {OPERATOR, ADMINISTRATOR},
    "movies.Movie delete_movies": {CURATOR, ADMINISTRATOR},
    "movies.Movie hide_selected": {CURATOR, ADMINISTRATOR},
    "movies.Movie merge_selected": {CURATOR, ADMINISTRATOR},
    "movies.Movie publish_selected": {CURATOR, ADMINISTRATOR},
    "movies.Movie set_availability": {CURATOR, ADMINISTRATOR},
    "movies.Movie tag_selected": {CURATOR, ADMINISTRATOR},
    "movies.Movie undo_selected": {CURATOR, ADMINISTRATOR},
    "recommendations.CurationRule end": {CURATOR, ADMINISTRATOR},
    "recommendations.Experiment start": {ANALYST, ADMINISTRATOR},
    "recommendations.Experiment stop": {ANALYST, ADMINISTRATOR},
    "recommendations.ModelVersion compare": {OPERATOR, ADMINISTRATOR},
    "recommendations.ModelVersion make_live": {OPERATOR, ADMINISTRATOR},
    "recommendations.ModelVersion reject": {OPERATOR, ADMINISTRATOR},
    "recommendations.ModelVersion retrain": {OPERATOR, ADMINISTRATOR},
    "recommendations.ModelVersion roll_back": {OPERATOR, ADMINISTRATOR},
}

# Pages beside Django's own, by the name of their URL; of the first row that is no member of staff.
PAGES: dict[str, set[Role]] = {
    "accounts_clientkey_rotate": {OPERATOR, ADMINISTRATOR},
    "accounts_user_erase": {ADMINISTRATOR},
    "accounts_user_export": {ADMINISTRATOR},
    "accounts_user_sign-out": {ADMINISTRATOR},
    "accounts_user_support": {ADMINISTRATOR},
    "auth_user_password_change": {ADMINISTRATOR},
    "movies_movie_delete_selected": {CURATOR, ADMINISTRATOR},
    "movies_movie_duplicates": {CURATOR, ADMINISTRATOR},
    "movies_movie_export": {CURATOR, ANALYST, ADMINISTRATOR},
    "movies_movie_import": {CURATOR, ADMINISTRATOR},
    "movies_movie_merge": {CURATOR, ADMINISTRATOR},
    "movies_movie_merge_into": {CURATOR, ADMINISTRATOR},
    "movies_movie_process_import": {CURATOR, ADMINISTRATOR},
    "movies_movie_see_duplicates": {CURATOR, ADMINISTRATOR},
    "movies_movie_undo": {CURATOR, ADMINISTRATOR},
    "movies_moviemerge_undo": {CURATOR, ADMINISTRATOR},
    "movies_moviemerge_undo_confirm": {CURATOR, ADMINISTRATOR},
    "recommendations_experiment_results": {CURATOR, ANALYST, OPERATOR, ADMINISTRATOR},
    "recommendations_modelversion_compare": {CURATOR, ANALYST, OPERATOR, ADMINISTRATOR},
    "recommendations_modelversion_progress": {CURATOR, ANALYST, OPERATOR, ADMINISTRATOR},
    "recommendations_preview": {CURATOR, ADMINISTRATOR},
    "recommendations_preview_audience": {CURATOR, ADMINISTRATOR},
    "recommendations_preview_neighbours": {CURATOR, ADMINISTRATOR},
    "recommendations_preview_rule": {CURATOR, ADMINISTRATOR},
    "recommendations_preview_scenario": {CURATOR, ADMINISTRATOR},
    "recommendations_scenario_versions": {CURATOR, ANALYST, ADMINISTRATOR},
}
