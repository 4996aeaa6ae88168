"""The warning after a change that is saved although Redis did not answer."""

import pytest
from django.core.management import call_command
from redis.exceptions import ConnectionError as RedisConnectionError

from events.models import Rating
from movies.caching import version_tokens
from movies.models import Movie
from recommendations.models import ModelVersion
from tests.factories import make_embedding, make_version

SAID = "Redis did not answer"


@pytest.fixture
def redis_away(monkeypatch):
    def away(alias: str):
        raise RedisConnectionError("gone")

    monkeypatch.setattr(version_tokens, "get_redis_connection", away)
    yield
    version_tokens._pending.clear()


@pytest.fixture
def retired(committed_cast) -> ModelVersion:
    version = make_version("retired")
    make_embedding(version, committed_cast["Heat"], [1.0])
    return version


@pytest.mark.usefixtures("redis_away")
def test_a_rollback_warns_if_redis_did_not_answer(retired, capsys):
    call_command("models", "rollback", str(retired.pk), "--reason", "Odd lists")
    printed = capsys.readouterr()

    assert f"Version {retired.pk} is live." in printed.out
    assert SAID in printed.err
    assert ModelVersion.objects.get(status="live").pk == retired.pk


def test_a_rollback_does_not_warn_if_redis_answered(retired, capsys):
    call_command("models", "rollback", str(retired.pk), "--reason", "Odd lists")

    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("away", [True, False])
@pytest.mark.parametrize("what", ["hide", "edit", "delete", "rating", "live"])
def test_staff_are_warned_if_redis_did_not_answer(committed_cast, retired, client, request, *, what, away):
    heat = committed_cast["Heat"]
    rating = Rating.objects.create(user=committed_cast.bob, movie=heat, value=4)
    client.force_login(committed_cast.stan)
    path, form = {
        "hide": ("movies/movie/", {"action": "hide_selected", "_selected_action": heat.pk}),
        "edit": (f"movies/genre/{heat.genres.first().pk}/change/", {"name": "Noir", "slug": "noir"}),
        "delete": (f"movies/movie/{heat.pk}/delete/", {"post": "yes"}),
        "rating": (f"events/rating/{rating.pk}/delete/", {"post": "yes"}),
        "live": (
            "recommendations/modelversion/",
            {"action": "make_live", "_selected_action": retired.pk, "reason": "Better."},
        ),
    }[what]
    if away:
        request.getfixturevalue("redis_away")
    page = client.post(f"/admin/{path}", form, follow=True).content.decode()

    assert (SAID in page) is away
    assert "*:mb-0!" in page  # The list item of a message.


def test_looking_at_the_admin_warns_of_nothing(committed_cast, client):
    client.force_login(committed_cast.stan)

    assert SAID not in client.get("/admin/movies/movie/").content.decode()
    assert Movie.objects.exists()
