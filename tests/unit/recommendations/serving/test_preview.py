"""Previews: the list that would be served, compared with the one that is; nothing is logged or cached."""

from accounts.models import User
from events.models import Interaction
from recommendations.curation.config import ScenarioConfig
from recommendations.curation.drafts import RuleDraft
from recommendations.models import CurationRule
from recommendations.serving.preview import curation_with, preview_diff, preview_list
from recommendations.serving.preview_items import preview_items
from tests.factories import make_embedding, make_version
from tests.served import served_lists
from tests.unit.recommendations.curation.rules import make_rule


def ids(presented):
    return [item.movie_id for item in presented.items]


def pin(movie):
    return RuleDraft(kind="pin", reason="Why", movie_ids=[movie.pk], place=1)


def test_a_draft_shows_before_and_after_and_changes_nothing(committed_cast):
    cast = committed_cast
    before = preview_list(cast.alice)
    after = preview_list(cast.alice, curation_with(draft=pin(cast["Aladdin"])))

    first, *others = preview_diff(before, after)

    assert (first.movie["title"], first.after, first.change) == ("Aladdin", 1, "up")
    assert first.rule == {"id": 0, "kind": "pin"}
    assert {row.change for row in others} <= {"same", "down"}
    assert ids(preview_list(cast.alice)) == ids(before)
    assert not served_lists().exists()
    assert not CurationRule.objects.exists()


def test_a_draft_of_a_saved_rule_replaces_it(committed_cast):
    cast = committed_cast
    rule = make_rule("pin", cast["Aladdin"], place=1)

    changed = preview_list(cast.alice, curation_with(draft=pin(cast["Babe"]), rule_id=rule.pk))

    assert ids(changed)[0] == cast["Babe"].pk
    assert [item.rule.id for item in changed.items if item.rule] == [rule.pk]


def test_a_blocked_movie_is_gone(committed_cast):
    cast = committed_cast
    before = preview_list(cast.alice)
    draft = RuleDraft(kind="block", reason="Why", movie_ids=[cast["Heat"].pk])

    rows = preview_diff(before, preview_list(cast.alice, curation_with(draft=draft)))

    assert [(row.movie["title"], row.after) for row in rows if row.change == "gone"] == [("Heat", None)]


def test_a_configuration_is_tried(committed_cast):
    config = ScenarioConfig(exploration_places=0, diversity=0.9)

    tried = preview_list(committed_cast.alice, curation_with(config=config))

    assert tried.gathered.request.reranking.diversity == 0.9


def test_another_version_ranks(committed_cast):
    version = make_version("retired")
    make_embedding(version, committed_cast["Babe"], [1.0])

    assert preview_list(committed_cast.alice, version=version.pk).version_id == version.pk


def test_a_draft_shows_where_personalisation_is_paused(committed_cast):
    User.objects.filter(pk=committed_cast.bob.pk).update(personalisation=False)
    committed_cast.bob.refresh_from_db()

    tried = preview_list(committed_cast.bob, curation_with(draft=pin(committed_cast["Aladdin"])))

    assert ids(tried)[0] == committed_cast["Aladdin"].pk


def test_each_place_says_what_lifts_it(committed_cast):
    cast = committed_cast
    Interaction.objects.create(user=cast.bob, movie=cast["Alien"], kind="like")

    items = {item.movie["title"]: item for item in preview_items(preview_list(cast.bob))}

    assert [item.place for item in items.values()] == [*range(1, 9)]
    assert [(one.title, one.kind) for one in items["Aliens"].contributions] == [("Alien", "like")]
    assert round(sum(items["Aliens"].shares.values()), 3) == 1


def test_a_list_without_signals_has_no_contributions(committed_cast):
    items = preview_items(preview_list(committed_cast.carol))

    assert items
    assert all(item.contributions == () for item in items)
