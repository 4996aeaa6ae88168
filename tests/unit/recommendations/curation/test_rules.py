"""What may be saved as a rule, and what it conflicts with."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from movies.availability.services import Window, availability_set
from recommendations.curation.drafts import RuleDraft, rule_conflicts
from recommendations.curation.services import rule_end, rule_save
from recommendations.models import CurationRule, Scenario
from tests.unit.recommendations.curation.rules import make_rule

HOUR = timedelta(hours=1)


def draft(kind, *movies, **fields):
    return RuleDraft(kind=kind, reason="Why", movie_ids=[movie.pk for movie in movies], **fields)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"kind": "pin"}, "place"),
        ({"kind": "pin", "place": 1, "share": 0.1}, "place"),
        ({"kind": "pin", "place": 101}, "place"),
        ({"kind": "pin", "share": 0.9}, "share"),
        ({"kind": "boost"}, "weight"),
        ({"kind": "boost", "weight": 0.5}, "weight"),
        ({"kind": "boost", "weight": float("nan")}, "weight"),
        ({"kind": "damp", "weight": 1.0}, "weight"),
        ({"kind": "block", "weight": 2.0}, "weight"),
        ({"kind": "row"}, "row"),
        ({"kind": "block", "country": "Sweden"}, "country"),
        ({"kind": "block", "country": "XX"}, "country"),
        ({"kind": "block", "arm": "treatment"}, "arm"),
        ({"kind": "block", "reason": " "}, "reason"),
        ({"kind": "block", "reason": "x" * 301}, "reason"),
        ({"kind": "block", "reason": "a\nb"}, "reason"),
    ],
)
def test_an_invalid_rule_names_its_field(cast, fields, field):
    wrong = RuleDraft(**({"reason": "Why", "movie_ids": [cast["Heat"].pk]} | fields))

    with pytest.raises(ValidationError) as error:
        rule_save(draft=wrong)

    assert field in error.value.message_dict
    assert not CurationRule.objects.exists()


def test_dates_are_in_order_and_not_over(cast):
    now = timezone.now()
    for starts, ends in ((now + 2 * HOUR, now + HOUR), (None, now - HOUR)):
        with pytest.raises(ValidationError) as error:
            rule_save(draft=draft("block", cast["Heat"], starts_at=starts, ends_at=ends))
        assert "ends_at" in error.value.message_dict


def test_two_pins_of_one_place_conflict_by_name(cast):
    first = make_rule("pin", cast["Heat"], place=1)

    (conflict,) = rule_conflicts(draft("pin", cast["Babe"], place=1))

    assert conflict.serious
    assert conflict.rule_id == first.pk
    assert f"#{first.pk} pin" in conflict.text
    assert "place 1" in conflict.text
    with pytest.raises(ValidationError):
        rule_save(draft=draft("pin", cast["Babe"], place=1), confirmed=True)


def test_priority_settles_a_place_after_confirmation(cast):
    make_rule("pin", cast["Heat"], place=1)
    higher = draft("pin", cast["Babe"], place=1, priority=5)

    with pytest.raises(ValidationError):
        rule_save(draft=higher)

    assert rule_save(draft=higher, confirmed=True).pk


def test_rules_of_two_countries_have_no_conflict(cast):
    make_rule("pin", cast["Heat"], place=1, country="SE")

    assert rule_conflicts(draft("pin", cast["Babe"], place=1, country="NO")) == []
    assert rule_conflicts(draft("pin", cast["Babe"], place=1, country="se"))[0].serious
    assert rule_conflicts(draft("pin", cast["Babe"], place=1))[0].serious


def test_a_pin_of_what_a_country_lacks_conflicts(cast):
    availability_set(movie_ids=[cast["Heat"].pk], windows=[Window("NO")])

    (conflict,) = rule_conflicts(draft("pin", cast["Heat"], cast["Babe"], place=1, country="SE"))

    assert (conflict.serious, conflict.rule_id) == (False, None)
    assert "Heat is not available in Sweden" in conflict.text
    assert rule_conflicts(draft("block", cast["Heat"], country="SE")) == []
    assert rule_conflicts(draft("pin", cast["Heat"], place=1, country="NO")) == []


def test_a_block_of_a_pinned_movie_conflicts(cast):
    make_rule("pin", cast["Heat"], place=1)

    (conflict,) = rule_conflicts(draft("block", cast["Heat"]))

    assert conflict.serious
    assert "Heat" in conflict.text


def test_rules_without_a_common_time_or_list_do_not_conflict(cast):
    home, other = (Scenario.objects.create(name=name) for name in ("home", "e-mail"))
    later = timezone.now() + 2 * HOUR
    make_rule("pin", cast["Heat"], place=1, scenario=home, ends_at=later)

    assert rule_conflicts(draft("pin", cast["Babe"], place=1, scenario=other)) == []
    assert rule_conflicts(draft("pin", cast["Babe"], place=1, starts_at=later)) == []
    assert rule_conflicts(draft("pin", cast["Babe"], place=1)) != []


def test_more_pins_than_the_cap_are_named(cast, settings):
    settings.CURATION_MAX_SHARE = 0.2

    (conflict,) = rule_conflicts(draft("pin", cast["Heat"], cast["Babe"], cast["Alien"], place=1))

    assert not conflict.serious
    assert "at most 2 of 10" in conflict.text


def test_a_rule_does_not_conflict_with_itself(cast):
    rule = make_rule("pin", cast["Heat"], place=1)

    again = rule_save(draft=draft("pin", cast["Babe"], place=1), rule=rule)

    assert again.pk == rule.pk
    assert list(again.entries.values_list("movie__title", flat=True)) == ["Babe"]


def test_ending_ends_it_before_it_began(cast):
    rule = make_rule("block", cast["Heat"], starts_at=timezone.now() + HOUR)

    rule_end(rule=rule)
    ended = rule_end(rule=rule)

    assert ended.ends_at <= timezone.now()
    assert ended.starts_at <= ended.ends_at
