"""Token buckets: the rate and the burst hold at every moment, and for all buckets of a request together."""

import pytest
from django.core.cache import caches
from django_redis import get_redis_connection
from redis import Redis

from recsys_project.token_bucket import Bucket, BucketRate, give_back_tokens, parse_bucket_rate, take_tokens

SECOND = 1_000_000
START = 1_800_000_000 * SECOND
TEN_A_MINUTE = Bucket("test", "ada", BucketRate(count=10, seconds=60, burst=3))


@pytest.fixture(autouse=True)
def _empty():
    caches["ratelimit"].delete_pattern("*")


def passes(*buckets: Bucket, at: float = 0) -> bool:
    """Whether a request ``at`` seconds after the start passes."""
    taken, _ = take_tokens(buckets, at=START + int(at * SECOND))
    return taken


def state(bucket: Bucket, at: float = 0):
    return take_tokens([bucket], at=START + int(at * SECOND))[1][0]


def test_a_burst_passes_and_then_the_rate():
    assert [passes(TEN_A_MINUTE) for _ in range(5)] == [True] * 3 + [False] * 2
    assert not passes(TEN_A_MINUTE, at=5.9)
    assert passes(TEN_A_MINUTE, at=6)
    assert not passes(TEN_A_MINUTE, at=11.9)
    assert passes(TEN_A_MINUTE, at=12)


@pytest.mark.parametrize("start", [0, 17.3, 41, 59.5])
def test_no_minute_passes_more_than_rate_and_burst(start):
    passed = [at for at in (start + tenth / 10 for tenth in range(1200)) if passes(TEN_A_MINUTE, at=at)]

    assert len(passed) == 3 + 19
    for begin in passed:
        assert sum(begin <= at < begin + 60 for at in passed) <= 10 + 3


def test_refused_requests_do_not_lengthen_the_wait():
    for tenth in range(60):
        passes(TEN_A_MINUTE, at=tenth / 10)

    assert passes(TEN_A_MINUTE, at=6)


def test_an_unused_bucket_holds_no_more_than_its_burst():
    passes(TEN_A_MINUTE)

    assert [passes(TEN_A_MINUTE, at=86_400) for _ in range(4)] == [True] * 3 + [False]


def test_one_empty_bucket_takes_from_none():
    empty, full = TEN_A_MINUTE, Bucket("test", "bob", TEN_A_MINUTE.rate)
    for _ in range(3):
        passes(empty)

    assert not any(passes(full, empty) for _ in range(5))
    assert [passes(full) for _ in range(4)] == [True] * 3 + [False]


def test_buckets_of_other_names_keys_and_rates_are_others():
    for _ in range(4):
        passes(TEN_A_MINUTE)

    assert passes(Bucket("other", "ada", TEN_A_MINUTE.rate))
    assert passes(Bucket("test", "bob", TEN_A_MINUTE.rate))
    assert passes(Bucket("test", "ada", BucketRate(count=11, seconds=60, burst=3)))


def test_the_state_says_what_is_left_and_for_how_long():
    assert [(now.remaining, now.reset, now.wait) for now in (state(TEN_A_MINUTE) for _ in range(4))] == [
        (2, 6, 0),
        (1, 12, 0),
        (0, 18, 6),
        (0, 18, 6),
    ]
    assert state(TEN_A_MINUTE, at=5).wait == 1


def test_a_token_given_back_can_be_taken_again():
    for _ in range(3):
        passes(TEN_A_MINUTE)
    give_back_tokens([TEN_A_MINUTE], at=START)

    assert [passes(TEN_A_MINUTE) for _ in range(2)] == [True, False]


def test_giving_back_to_a_full_bucket_adds_nothing():
    for _ in range(5):
        give_back_tokens([TEN_A_MINUTE], at=START)

    assert [passes(TEN_A_MINUTE) for _ in range(4)] == [True] * 3 + [False]


def test_a_bucket_leaves_redis_when_it_is_full():
    take_tokens([TEN_A_MINUTE])
    redis = get_redis_connection("ratelimit")

    assert 5000 < redis.pttl(TEN_A_MINUTE.redis_key()) <= 6000
    give_back_tokens([TEN_A_MINUTE])
    assert not redis.exists(TEN_A_MINUTE.redis_key())


def test_redis_clock_counts_without_a_given_time():
    quick = Bucket("test", "ada", BucketRate(count=1, seconds=86_400, burst=2))

    assert [take_tokens([quick])[0] for _ in range(4)] == [True, True, False, False]


def test_all_buckets_of_a_request_are_one_command(monkeypatch):
    take_tokens([TEN_A_MINUTE])
    sent = []
    execute = Redis.execute_command
    monkeypatch.setattr(
        Redis, "execute_command", lambda *given, **options: (sent.append(given[1]), execute(*given, **options))[1]
    )

    take_tokens([TEN_A_MINUTE, Bucket("test", "bob", TEN_A_MINUTE.rate)])

    assert sent == ["EVALSHA"]


def test_keys_that_no_text_can_hold_are_counted_too():
    odd = Bucket("test", "\ud800 " + "x" * 100_000, BucketRate(count=1, seconds=86_400, burst=1))

    assert [take_tokens([odd])[0] for _ in range(2)] == [True, False]
    assert len(odd.redis_key()) < 120


def test_without_redis_there_is_no_answer(settings):
    settings.CACHES = {
        alias: {**given, "LOCATION": "redis://127.0.0.1:1/0"} for alias, given in settings.CACHES.items()
    }

    assert take_tokens([TEN_A_MINUTE]) is None
    give_back_tokens([TEN_A_MINUTE])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("300/m:50", BucketRate(300, 60, 50)),
        ("20/5m:5", BucketRate(20, 300, 5)),
        ("1/d:1", BucketRate(1, 86_400, 1)),
        *[
            (text, None)
            for text in ("300/m", "0/m:5", "5/m:0", "5/0m:5", "5/m:", "5/w:5", "", "m:5", "5/m:5 ", "-1/m:5")
        ],
    ],
)
def test_a_rate_with_a_burst_is_read(text, expected):
    assert parse_bucket_rate(text) == expected
