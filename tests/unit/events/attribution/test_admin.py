"""The statistics in the admin."""

import pytest

from events.attribution.services import statistics_refresh
from events.models import RecommendationStatistic
from tests.unit.events.attribution.rows import act, ago, show

PAGE = "/admin/events/recommendationstatistic/"


@pytest.fixture
def staff(cast, client):
    for hours in (5, 9):
        show(cast.bob, [cast["Heat"], cast["Babe"]], ago(hours=hours))
        act(cast.bob, cast["Heat"], "click", ago(hours=hours - 1))
    statistics_refresh()
    client.force_login(cast.stan)
    return client


def test_filtered_rows_have_sums(staff):
    page = staff.get(PAGE, {"period__exact": "hour", "dimension__exact": "source"}).content.decode()

    assert "4 movies shown, 50.00% clicked or viewed, 0.00% watched to the end" in page
    assert "Counted until" in page


def test_sums_of_several_dimensions_are_not_shown(staff):
    page = staff.get(PAGE, {"period__exact": "hour"}).content.decode()

    assert "movies shown" not in page
    assert "Choose a period and a dimension" in page


@pytest.mark.parametrize("term", ["batch", "1", "nothing", "\x00"])
def test_it_can_be_searched(staff, term):
    assert staff.get(PAGE, {"q": term}).status_code == 200


def test_nobody_changes_a_row(staff):
    row = RecommendationStatistic.objects.filter(dimension="total").first()
    impressions = row.impressions

    assert staff.get(f"{PAGE}{row.pk}/change/").status_code == 200
    assert staff.post(f"{PAGE}{row.pk}/change/", {"impressions": 99}).status_code == 403
    assert staff.post(f"{PAGE}{row.pk}/delete/", {"post": "yes"}).status_code == 403
    assert staff.get(f"{PAGE}add/").status_code == 403
    row.refresh_from_db()
    assert row.impressions == impressions
