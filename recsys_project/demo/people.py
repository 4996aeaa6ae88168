"""The admin and the viewers of the demo, whose passwords stay the same in later runs."""

import json
import os
import secrets
from pathlib import Path

from accounts.models import User
from events.services import interaction_record
from movies.models import Movie
from recommendations.models import PopularMovie
from recsys_project.demo.journey import ADA

ADMIN = "admin@example.com"
VIEWERS = {ADA: "Ada", "grace@example.com": "Grace"}
# The number of popular movies that Ada likes, so that her first list has reasons.
_LIKED = 3


def ensure_people(credentials_file: Path) -> dict[str, str]:
    """Creates the demo's users, or resets their passwords; returns passwords by e-mail address."""
    passwords = _passwords(credentials_file)
    for email, password in passwords.items():
        user = User.objects.filter(email=email).first()
        if user is None:
            make = User.objects.create_superuser if email == ADMIN else User.objects.create_user
            make(email, password, display_name=VIEWERS.get(email, "Admin"))
        elif not user.check_password(password):
            user.set_password(password)
            user.save(update_fields=["password"])
    return passwords


def ensure_likes() -> list[Movie]:
    """Adds likes of the most popular movies to Ada if she has no history; returns the movies."""
    ada = User.objects.get(email=ADA)
    if ada.interactions.exists():
        return []
    popular = PopularMovie.objects.filter(genre=None, movie__status=Movie.Status.PUBLISHED).order_by("rank")
    movies = [entry.movie for entry in popular.select_related("movie")[:_LIKED]]
    for movie in movies:
        interaction_record(user=ada, movie_id=movie.pk, kind="like")
    return movies


def _passwords(credentials_file: Path) -> dict[str, str]:
    """The stored passwords, or new ones, in a file that only its owner can read."""
    try:
        kept = json.loads(credentials_file.read_text())
    except (OSError, ValueError):
        kept = {}
    passwords = {email: kept.get(email) or secrets.token_urlsafe(12) for email in (ADMIN, *VIEWERS)}
    if passwords != kept:
        handle = os.open(credentials_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w") as file:
            json.dump(passwords, file, indent=2)
    return passwords
