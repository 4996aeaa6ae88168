"""What a key may be used for. A view names the scope of each method in ``client_scopes``."""

from django.db import models


class Scope(models.TextChoices):
    """The scopes of keys."""

    CATALOGUE_READ = "catalogue:read", "Read movies, genres and the lists that are the same for everyone"
    # Reserved: no endpoint writes to the catalogue yet.
    CATALOGUE_WRITE = "catalogue:write", "Change the catalogue (reserved)"
    RECOMMENDATIONS_READ = "recommendations:read", "Read lists and the history of the client's users"
    EVENTS_WRITE = "events:write", "Record what the client's users do"
    USERS_MANAGE = "users:manage", "Create, name, export and delete the client's users"
