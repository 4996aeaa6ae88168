"""Assignment by hash: the same everywhere, by weight, and independent between experiments."""

from collections import Counter

import pytest

from recommendations.algorithms.experiments.assignment import (
    BUCKETS,
    arm_index,
    bucket_of,
    first_free_range,
    hash_number,
)

PEOPLE = range(1, 20_001)


def test_the_hash_is_the_documented_one():
    # printf 'lists:42' | sha256sum | cut -c1-16
    assert hash_number("lists", 42) == 0x562625220512E177
    assert bucket_of(42) == 3365


def test_arms_get_people_by_their_weights():
    arms = Counter(arm_index("salt", person, [1, 3, 0]) for person in PEOPLE)

    assert arms[0] / len(PEOPLE) == pytest.approx(0.25, abs=0.012)
    assert arms[1] / len(PEOPLE) == pytest.approx(0.75, abs=0.012)
    assert 2 not in arms


def test_buckets_are_uniform():
    low = sum(bucket_of(person) < BUCKETS // 10 for person in PEOPLE)

    assert low / len(PEOPLE) == pytest.approx(0.1, abs=0.009)
    assert all(0 <= bucket_of(person) < BUCKETS for person in PEOPLE)


def test_another_salt_mixes_the_people_again():
    same = sum(arm_index("first", person, [1, 1]) == arm_index("second", person, [1, 1]) for person in PEOPLE)

    assert same / len(PEOPLE) == pytest.approx(0.5, abs=0.015)


def test_arms_do_not_depend_on_the_bucket():
    low = [person for person in PEOPLE if bucket_of(person) < BUCKETS // 2]
    treated = sum(arm_index("salt", person, [1, 1]) for person in low)

    assert treated / len(low) == pytest.approx(0.5, abs=0.02)


def test_no_weight_is_an_error():
    with pytest.raises(ValueError, match="weights above 0"):
        arm_index("salt", 1, [0, 0])


@pytest.mark.parametrize(
    ("taken", "size", "free"),
    [
        ([], BUCKETS, (0, BUCKETS)),
        ([(0, 100)], 50, (100, 150)),
        ([(500, 600), (0, 100)], 400, (100, 500)),
        ([(500, 600), (0, 100)], 401, (600, 1001)),
        ([(0, 9_000)], 1_001, None),
        ([(0, BUCKETS)], 1, None),
    ],
)
def test_the_first_gap_that_fits_is_reserved(taken, size, free):
    assert first_free_range(taken, size) == free
