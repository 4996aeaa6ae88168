"""Lists in which no new movie is inserted, whatever new movies there are."""

from tests.factories import Cast
from tests.unit.recommendations.serving.test_exploration import URL, ask, make_new


def test_short_lists_and_guests_lists_have_no_exploration(cast: Cast, api_client):
    make_new(cast.version, "New crime", (0.03, 0.01, 0.01))

    assert not any("explored" in item for item in ask(cast.bob)["items"])
    guest = api_client.post(f"{URL}session/", {"movie_ids": [cast["Heat"].pk]}, format="json").json()
    assert not any("explored" in item for item in guest["items"])
