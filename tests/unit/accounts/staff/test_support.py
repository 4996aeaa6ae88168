"""The support page of a person, and what staff do there."""

import io
import zipfile

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, Permission
from django.test import Client
from django.utils import timezone

from accounts.models import User
from accounts.staff.log import VIEW
from accounts.staff.roles import Role
from events.models import Interaction, RecommendationOutcome, ServedRecommendation
from tests.factories import client_of, make_imported_user, make_user
from tests.served import list_id_at

PEOPLE = "/admin/accounts/user/"


@pytest.fixture
def desk(cast) -> Client:
    boss = make_user("boss@x.org", is_staff=True)
    boss.groups.add(Group.objects.get(name=Role.ADMINISTRATOR))
    client = Client()
    client.force_login(boss)
    return client


def staff_with(*permissions: str) -> Client:
    user = make_user(is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(user)
    return client


def serve_and_click(cast) -> ServedRecommendation:
    """Bob was shown two movies, and clicked the second one."""
    now = timezone.now()
    served = ServedRecommendation.objects.create(
        id=list_id_at(now),
        user=cast.bob,
        endpoint="recommendations",
        movie_ids=[cast["Heat"].pk, cast["Babe"].pk],
        scores=[0.9, 0.8],
        sources=[0, 2],
        experiment="rows",
        arm="long",
        served_at=now,
    )
    event = Interaction.objects.create(
        user=cast.bob, movie=cast["Babe"], kind="click", occurred_at=now, received_at=timezone.now()
    )
    RecommendationOutcome.objects.create(
        interaction_id=event.pk,
        shown_at=now,
        recommendation_id=served.pk,
        position=2,
        source=2,
        named=True,
        endpoint="recommendations",
    )
    return served


def page_of(client: Client, url: str, **query) -> str:
    answer = client.get(url, query)
    assert answer.status_code == 200, answer
    return answer.content.decode()


def logged(person: User) -> list[tuple[int, str]]:
    lines = LogEntry.objects.filter(object_id=str(person.pk), content_type__model="user").order_by("pk")
    return list(lines.values_list("action_flag", "change_message"))


def test_the_page_shows_lists_in_words_and_what_followed(cast, desk):
    serve_and_click(cast)

    page = page_of(desk, f"{PEOPLE}{cast.bob.pk}/support/")

    for text in ("bob@example.org", "Heat (1990)", "matches what they did", "popular with everybody", "click at"):
        assert text in page
    assert cast.alice.email not in page
    assert logged(cast.bob) == [(VIEW, "Opened the support page.")]


def test_without_the_right_to_see_people_the_address_is_masked(cast):
    page = page_of(staff_with("support_user"), f"{PEOPLE}{cast.bob.pk}/support/")

    assert "b…@example.org" in page
    assert "bob@example.org" not in page


def test_a_look_at_an_account_is_logged(cast, desk):
    page_of(desk, f"{PEOPLE}{cast.bob.pk}/change/")
    page_of(desk, "/admin/events/rating/", q="bob@example.org")
    page_of(desk, "/admin/events/rating/", q="heat")
    served = serve_and_click(cast)
    page_of(desk, f"/admin/events/servedrecommendation/{served.pk}/change/")

    texts = ["Opened the account.", "Searched ratings.", f"Opened served recommendation {served.pk}."]
    assert logged(cast.bob) == [(VIEW, text) for text in texts]
    assert "Searched ratings." in page_of(desk, "/admin/admin/logentry/", q="boss@x.org")


def test_an_export_is_a_zip_and_its_reason_is_logged(cast, desk):
    url = f"{PEOPLE}{cast.bob.pk}/export/"

    asked = desk.get(url)
    unreasoned, quoting = desk.post(url, {"reason": ""}), desk.post(url, {"reason": "bob@example.org asked"})
    sent = desk.post(url, {"reason": "ticket 7"})

    assert [answer["Content-Type"][:9] for answer in (asked, unreasoned, quoting)] == ["text/html"] * 3
    assert "bob@example.org" in zipfile.ZipFile(io.BytesIO(sent.getvalue())).read("json/accounts_user.json").decode()
    assert "no-store" in sent["Cache-Control"]
    assert [text for _, text in logged(cast.bob)] == ["Exported their data: ticket 7"]


def test_ending_sign_ins_ends_tokens_and_leaves_the_password(cast, desk):
    token = client_of(cast.bob)
    assert token.get("/api/auth/me/").status_code == 200

    answer = desk.post(f"{PEOPLE}{cast.bob.pk}/sign-out/", {"reason": "lost phone"})

    assert answer.status_code == 302
    assert token.get("/api/auth/me/").status_code == 401
    assert User.objects.get(pk=cast.bob.pk).password == cast.bob.password
    assert client_of(User.objects.get(pk=cast.bob.pk)).get("/api/auth/me/").status_code == 200
    assert [text for _, text in logged(cast.bob)] == ["Ended all sign-ins: lost phone"]


def test_an_erasure_asks_for_a_tick_and_leaves_one_line(cast, desk):
    serve_and_click(cast)
    url, bob = f"{PEOPLE}{cast.bob.pk}/erase/", cast.bob.pk
    page_of(desk, f"{PEOPLE}{bob}/support/")

    assert desk.post(url, {"reason": "ticket 8"}).status_code == 200
    assert User.objects.filter(pk=bob).exists()
    assert desk.post(url, {"reason": "ticket 8", "confirmed": "on"}).status_code == 302

    assert not User.objects.filter(pk=bob).exists()
    assert not ServedRecommendation.objects.filter(user_id=bob).exists()
    assert User.objects.filter(pk=cast.alice.pk).exists()
    assert logged(cast.bob)[-1] == (3, "Erased at their request: ticket 8")
    assert "bob@example.org" not in str(list(LogEntry.objects.values_list("object_repr", "change_message")))


def test_nobody_erases_themselves_there(cast, client):
    client.force_login(cast.stan)
    form = {"reason": "why", "confirmed": "on"}

    assert client.post(f"{PEOPLE}{cast.stan.pk}/erase/", form).status_code == 403
    assert User.objects.filter(pk=cast.stan.pk).exists()


@pytest.mark.parametrize("number", ["0", "999999999999", "x", "9" * 30, "1_0", "\uff11"])
@pytest.mark.parametrize("page", ["support", "export", "erase", "sign-out"])
def test_a_person_who_is_not_there_is_a_404(desk, page, number):
    assert desk.get(f"{PEOPLE}{number}/{page}/").status_code == 404


def test_each_page_needs_its_own_permission(cast):
    pages = {
        "support": "support_user",
        "export": "export_user",
        "erase": "delete_user",
        "sign-out": "end_sessions_user",
    }
    for page, permission in pages.items():
        url = f"{PEOPLE}{cast.bob.pk}/{page}/"
        assert staff_with(*(other for other in pages.values() if other != permission)).get(url).status_code == 403
        assert staff_with(permission).get(url).status_code == 200


def test_without_the_right_to_see_people_addresses_find_nobody(cast):
    served = serve_and_click(cast)
    clerk = staff_with("view_interaction", "view_servedrecommendation", "view_listimpression", "view_rating")

    for table in ("interaction", "servedrecommendation"):
        whole = page_of(clerk, f"/admin/events/{table}/")
        assert f"user {cast.bob.pk}" in whole
        assert "bob@" not in whole
        assert clerk.get(f"/admin/events/{table}/", {"q": "bob@example.org"}).context["cl"].result_list == []
        assert len(clerk.get(f"/admin/events/{table}/", {"q": str(cast.bob.pk)}).context["cl"].result_list) == 1
    for page in (f"servedrecommendation/{served.pk}", f"interaction/{Interaction.objects.get().pk}"):
        assert "bob@" not in page_of(clerk, f"/admin/events/{page}/change/")


def test_the_log_of_lists_shows_titles_sources_and_what_followed(cast, desk):
    served = serve_and_click(cast)

    row = page_of(desk, "/admin/events/servedrecommendation/", q=str(served.pk))
    by_experiment = desk.get("/admin/events/servedrecommendation/", {"q": "rows"}).context["cl"].result_list
    page = page_of(desk, f"/admin/events/servedrecommendation/{served.pk}/change/")

    for text in ("Heat (1990), Babe (1991)", "batch 1, popular 1", "click 1"):
        assert text in row
    assert [one.pk for one in by_experiment] == [served.pk]
    for text in ("Heat (1990)", "popular with everybody", "click at"):
        assert text in page


def test_each_page_names_a_person_without_an_address(desk):
    imported = make_imported_user("ml-named")

    for page in ("support", "export", "sign-out", "erase"):
        shown = desk.get(f"{PEOPLE}{imported.pk}/{page}/").text.replace("</strong>", "")
        assert f"ml-named #{imported.dataset_user_id}, user {imported.pk}" in shown
