"""Versions of scenarios: saved, published, rolled back, compared."""

import pytest
from django.core.exceptions import ValidationError

from recommendations.curation.services import scenario_diff, scenario_publish, scenario_rollback, scenario_save
from recommendations.models import Scenario, ScenarioVersion
from tests.unit.recommendations.curation.rules import live_scenario


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"unknown": 1}, "unknown"),
        ({"places": 0}, "places"),
        ({"diversity": 2.0}, "diversity"),
        ({"filters": {"genres": ["no-such"]}}, "no-such"),
        ({"rows": [{"kind": "curated"}]}, "row"),
        ({"rows": [{"kind": "curated", "row": "no-such"}]}, "no-such"),
        ({"rows": [{"kind": "for_you", "places": 1000}]}, "places"),
        ({"blend": {"batch": 0.0, "realtime": 0.0}}, "both"),
    ],
)
def test_an_invalid_configuration_is_refused(db, config, words):
    scenario = Scenario.objects.create(name="home")

    with pytest.raises(ValidationError) as error:
        scenario_save(scenario=scenario, config=config)

    assert words in str(error.value.message_dict["config"])
    assert not ScenarioVersion.objects.exists()


def test_a_saved_version_is_not_live_until_published(db):
    scenario = Scenario.objects.create(name="home")
    saved = scenario_save(scenario=scenario, config={"places": 5})
    assert not saved.live

    scenario_publish(version=saved)

    assert scenario.versions.get(live=True).number == 1


def test_rolling_back_publishes_the_one_before(db):
    live_scenario(places=5)
    never = scenario_save(scenario=Scenario.objects.get(), config={"places": 6})
    live_scenario(places=7)

    back = scenario_rollback(scenario=never.scenario)

    assert back.number == 1
    assert list(ScenarioVersion.objects.filter(live=True).values_list("number", flat=True)) == [1]
    with pytest.raises(ValidationError):
        scenario_rollback(scenario=never.scenario)


def test_the_difference_names_paths_and_values():
    old = {"places": 5, "blend": {"batch": 0.7}, "rows": [{"kind": "for_you"}]}
    new = {"blend": {"batch": 0.5}, "rows": [{"kind": "for_you"}, {"kind": "trending"}]}

    assert scenario_diff(old, new) == [
        ("blend.batch", 0.7, 0.5),
        ("places", 5, None),
        ("rows[1].kind", None, "trending"),
    ]
