"""Events and ratings in the admin."""

import uuid

import pytest

from accounts.models import User
from events.models import Interaction, ListImpression, Rating, ServedRecommendation
from tests.tokens import user_token


@pytest.fixture
def staff(cast, client):
    client.force_login(cast.stan)
    Interaction.objects.create(user=cast.bob, movie=cast["Heat"], kind="like")
    Rating.objects.create(user=cast.bob, movie=cast["Heat"], value=4)
    Rating.objects.create(user=cast.carol, movie=cast["Babe"], value=2)
    ServedRecommendation.objects.create(user=cast.bob, endpoint="recommendations", movie_ids=[1], scores=[0.5])
    ListImpression.objects.create(user=cast.bob, recommendation_id=ServedRecommendation.objects.get().pk, count=1)
    return client


@pytest.mark.parametrize("table", ["interaction", "rating", "tag", "servedrecommendation", "listimpression"])
@pytest.mark.parametrize("term", ["", "bob@example.org", "heat", "9" * 40, "\x00"])
def test_every_table_opens_and_can_be_searched(staff, table, term):
    assert staff.get(f"/admin/events/{table}/", {"q": term} if term else {}).status_code == 200


@pytest.mark.parametrize("term", ["BOB@example.org", "eat"])
def test_ratings_are_found_by_person_or_title(cast, staff, term):
    found = staff.get("/admin/events/rating/", {"q": term}).context["cl"].queryset

    assert [rating.user for rating in found] == [cast.bob]


def test_events_and_served_lists_cannot_be_rewritten(staff):
    event = Interaction.objects.get()
    page = f"/admin/events/interaction/{event.pk}"

    assert staff.get(f"{page}/change/").status_code == 200
    assert staff.post(f"{page}/change/", {"kind": "dislike"}).status_code == 403
    assert staff.post(f"{page}/delete/", {"post": "yes"}).status_code == 403
    assert staff.get("/admin/events/servedrecommendation/add/").status_code == 403
    assert Interaction.objects.get().kind == "like"


@pytest.mark.parametrize(("model", "about"), [(Rating, "4"), (Interaction, "like")])
def test_a_page_is_named_after_its_movie(cast, staff, django_assert_num_queries, model, about):
    row = model.objects.filter(user=cast.bob).get()
    page = staff.get(f"/admin/events/{model._meta.model_name}/{row.pk}/change/")

    assert f"{cast['Heat']}: {about} by user {cast.bob.pk}" in page.text
    # Elsewhere, such as in logs, a name runs no query.
    with django_assert_num_queries(0):
        assert str(row) == f"movie {cast['Heat'].pk}: {about} by user {cast.bob.pk}"


@pytest.mark.parametrize("table", ["servedrecommendation", "listimpression"])
def test_lists_are_found_by_person_or_list(cast, staff, table):
    def found(term: str) -> int:
        return staff.get(f"/admin/events/{table}/", {"q": term}).context["cl"].queryset.count()

    assert found("bob@example.org") == found(str(cast.bob.pk)) == found(str(ServedRecommendation.objects.get().pk)) == 1
    assert found("carol@example.org") == found(str(uuid.uuid4())) == 0
    assert staff.get(f"/admin/events/{table}/add/").status_code == 403


def test_correcting_a_rating_makes_the_persons_list_stale(cast, staff, django_capture_on_commit_callbacks):
    rating = Rating.objects.get(user=cast.bob)
    before = user_token(cast.bob.pk)
    form = {
        "user": cast.bob.pk,
        "movie": rating.movie_id,
        "value": 1.5,
        "rated_at_0": "2024-01-01",
        "rated_at_1": "12:00:00",
    }
    with django_capture_on_commit_callbacks(execute=True):
        assert staff.post(f"/admin/events/rating/{rating.pk}/change/", form).status_code == 302

    rating.refresh_from_db()
    assert rating.value == 1.5
    assert user_token(cast.bob.pk) != before


def test_deleting_a_person_takes_their_events_along(cast, staff):
    response = staff.post(f"/admin/accounts/user/{cast.bob.pk}/delete/", {"post": "yes"})

    assert response.status_code == 302
    assert not User.objects.filter(pk=cast.bob.pk).exists()
    assert not Interaction.objects.exists()
    assert Rating.objects.get().user == cast.carol
