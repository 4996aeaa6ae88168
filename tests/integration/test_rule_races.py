"""Rules that are saved at the same time see each other."""

import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.exceptions import ValidationError
from django.db import connection

from recommendations.curation import services
from recommendations.curation.drafts import RuleDraft
from recommendations.models import CurationRule
from tests.factories import make_movie

pytestmark = pytest.mark.django_db(transaction=True)


def test_of_two_pins_of_one_place_one_is_saved(monkeypatch):
    movies = [make_movie("Heat"), make_movie("Alien")]
    started = threading.Barrier(2)

    def save(movie_id: int) -> str:
        try:
            started.wait(20)
            services.rule_save(draft=RuleDraft(kind="pin", reason="Why", movie_ids=[movie_id], place=1))
        except ValidationError as error:
            return error.messages[0]
        finally:
            connection.close()
        return ""

    # Both look for conflicts before either has saved, unless one waits for the other.
    found = services.rule_conflicts
    looked = threading.Barrier(2)

    def conflicts(*args, **options):
        seen = found(*args, **options)
        with contextlib.suppress(threading.BrokenBarrierError):
            looked.wait(0.3)
        return seen

    monkeypatch.setattr(services, "rule_conflicts", conflicts)
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(save, [movie.pk for movie in movies]))

    assert sorted(bool(text) for text in answers) == [False, True]
    assert CurationRule.objects.count() == 1
