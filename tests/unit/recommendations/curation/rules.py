"""Rules and scenarios for tests, saved through the services."""

from recommendations.curation.drafts import RuleDraft
from recommendations.curation.services import rule_save, scenario_publish, scenario_save
from recommendations.models import CurationRule, Scenario, ScenarioVersion


def make_rule(kind, *movies, **fields) -> CurationRule:
    draft = RuleDraft(kind=kind, reason="A test", movie_ids=[movie.pk for movie in movies], **fields)
    return rule_save(draft=draft, confirmed=True)


def live_scenario(name="home", **config) -> ScenarioVersion:
    """A new version of the scenario, live."""
    scenario, _ = Scenario.objects.get_or_create(name=name)
    return scenario_publish(version=scenario_save(scenario=scenario, config=config))
