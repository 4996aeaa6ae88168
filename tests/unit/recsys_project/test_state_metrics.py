"""Gauges that a scrape reads from services: what they say, that they are cached, and that none makes a scrape fail."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone
from prometheus_client import CollectorRegistry, generate_latest
from redis.exceptions import ConnectionError as RedisConnectionError

from accounts.models import AccountMail
from movies.models import Movie
from recommendations.models import ModelVersion
from recommendations.vectors.recall_probe import RecallProbe
from recsys_project import broker
from recsys_project.metrics import models, work
from recsys_project.metrics.state import DATABASE, MACHINE, REDIS, Source, StateCollector, gauge
from recsys_project.metrics.view import STATE
from recsys_project.staff.task_board import DONE, FAILED, RETRY, RUNNING, TaskRun, run_note, success_note
from tests.factories import make_movie, make_user

Status = ModelVersion.Status


def samples(*metrics) -> dict[str, float]:
    """Values by name and labels, as in the text that Prometheus reads."""
    registry = CollectorRegistry()
    registry.register(StateCollector([Source(read.__name__, MACHINE, read) for read in metrics]))
    lines = [line for line in generate_latest(registry).decode().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def down():
    raise RedisConnectionError


def test_a_service_that_is_down_is_asked_once_a_scrape():
    asked = []

    def of_the_same():
        asked.append(1)
        return []

    def other():
        return gauge("other", "Other.", 1)

    sources = [Source("first", REDIS, down), Source("second", REDIS, of_the_same), Source("third", MACHINE, other)]
    registry = CollectorRegistry()
    registry.register(StateCollector(sources))

    for _ in range(3):
        text = generate_latest(registry).decode()

        assert 'recsys_collector_up{source="first"} 0.0' in text
        assert 'recsys_collector_up{source="second"} 0.0' in text
        assert 'recsys_collector_up{source="third"} 1.0' in text
        assert "other 1.0" in text
    assert asked == []


def test_two_scrapes_at_once_read_once():
    asked, begun, go_on = [], threading.Event(), threading.Event()

    def slow():
        asked.append(1)
        begun.set()
        go_on.wait(5)
        return gauge("slow", "Slow.", 1)

    collector = StateCollector([Source("slow", MACHINE, slow)])
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(list, collector.collect())
        assert begun.wait(5)
        second = pool.submit(list, collector.collect())
        assert not second.done()
        go_on.set()
        found = [[metric.name for metric in scrape.result()] for scrape in (first, second)]

    assert found == [["slow", "recsys_collector_up"]] * 2
    assert asked == [1]


def test_a_service_that_hangs_holds_one_scrape_alone(monkeypatch):
    monkeypatch.setattr("recsys_project.metrics.state.WAIT_SECONDS", 0.1)
    begun, go_on = threading.Event(), threading.Event()

    def hanging():
        begun.set()
        go_on.wait(10)
        return []

    sources = [Source("first", REDIS, hanging), Source("second", REDIS, list), Source("third", MACHINE, list)]
    collector = StateCollector(sources)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(list, collector.collect())
        assert begun.wait(5)
        (up,) = collector.collect()
        assert not first.done()
        go_on.set()

    assert {one.labels["source"]: one.value for one in up.samples} == {"first": 0, "second": 0, "third": 1}
    # It shows what it read once the service goes on.
    assert first.result()[0].samples[0].value == 1


@pytest.mark.django_db
def test_a_statement_that_takes_too_long_is_ended(monkeypatch):
    monkeypatch.setattr("recsys_project.metrics.state.STATEMENT_MILLISECONDS", 50)

    def slow():
        list(Movie.objects.raw("SELECT id, pg_sleep(5) FROM (SELECT 1 AS id) AS one"))
        return []

    started = time.monotonic()
    (up,) = StateCollector([Source("slow", DATABASE, slow)]).collect()

    assert up.samples[0].value == 0
    assert time.monotonic() - started < 4
    assert Movie.objects.count() == 0  # The connection works on.


@pytest.mark.django_db
def test_a_second_scrape_reads_nothing(django_assert_num_queries):
    collector = StateCollector([Source("models", DATABASE, models.model_metrics)])
    list(collector.collect())

    with django_assert_num_queries(0):
        list(collector.collect())


@pytest.mark.django_db
def test_the_page_answers_whatever_is_down(monkeypatch):
    STATE.forget()
    for source in STATE.sources:
        monkeypatch.setattr(source, "read", down)

    response = Client().get("/metrics", REMOTE_ADDR="127.0.0.1", headers={"host": "forged.example"})

    assert response.status_code == 200
    text = response.content.decode()
    assert text.count("recsys_collector_up{") == len(STATE.sources)
    assert "} 1.0" not in "\n".join(line for line in text.splitlines() if line.startswith("recsys_collector_up"))
    STATE.forget()


@pytest.mark.django_db
def test_the_live_version_and_what_the_gate_said():
    now = timezone.now()
    measured = {"ndcg@10": 0.3, "popularity": {"ndcg@10": 0.1}}
    for status, hours in ((Status.RETIRED, 60), (Status.LIVE, 30), (Status.FAILED, 20), (Status.REFUSED, 10)):
        ended = now - timedelta(hours=hours)
        started = ended - timedelta(minutes=2)
        ModelVersion.objects.create(status=status, metrics=measured, started_at=started, finished_at=ended)
    ModelVersion.objects.create(status=Status.TRAINING, progress=0.4, started_at=now)

    found = samples(models.model_metrics)

    assert found["recsys_model_live_version"] == ModelVersion.objects.live().get().pk
    assert found["recsys_model_age_seconds"] == pytest.approx(30 * 3600, abs=60)
    assert found['recsys_model_quality{ranking="model"}'] == 0.3
    assert found['recsys_model_quality{ranking="popularity"}'] == 0.1
    assert found['recsys_trainings{result="published"}'] == 2
    assert found['recsys_trainings{result="refused"}'] == 1
    assert found["recsys_training_last_refused"] == 1
    assert found["recsys_training_last_duration_seconds"] == 120
    assert found["recsys_training_progress_ratio"] == pytest.approx(0.4)
    latest = found['recsys_training_last_finished_timestamp_seconds{result="published"}']
    assert latest == pytest.approx((now - timedelta(hours=30)).timestamp())


@pytest.mark.django_db
def test_without_a_model_there_is_no_age():
    found = samples(models.model_metrics)

    assert "recsys_model_age_seconds" not in found
    assert found["recsys_training_waiting"] == 0


@pytest.mark.django_db
def test_overlap_is_one_where_everyone_gets_the_same_list(monkeypatch):
    from events.models import ServedRecommendation  # noqa: PLC0415
    from events.served.partitions import partitions_ensure  # noqa: PLC0415

    movies = [make_movie(title=f"Heat {number}").pk for number in range(20)]
    people = [make_user() for _ in range(3)]
    partitions_ensure({timezone.now()})

    def serve(movie_ids):
        ServedRecommendation.objects.all().delete()
        for person, ids in zip(people, movie_ids, strict=True):
            ServedRecommendation.objects.create(user=person, endpoint="recommendations", movie_ids=ids, scores=[])
        return samples(models.list_variety_metrics)

    same = serve([movies[:10]] * 3)
    different = serve([movies[:5], movies[5:10], movies[10:15]])

    assert same["recsys_lists_overlap_ratio"] == 1
    assert same["recsys_catalogue_coverage_ratio"] == 0.5
    assert different["recsys_lists_overlap_ratio"] == 0
    assert different["recsys_catalogue_coverage_ratio"] == 0.75


@pytest.mark.django_db
def test_mails_that_wait_have_an_age():
    AccountMail.objects.create(kind="reset", email="a@example.org", created_at=timezone.now() - timedelta(minutes=5))
    AccountMail.objects.create(kind="reset", email="b@example.org", sent_at=timezone.now())

    found = samples(work.backlog_metrics)

    assert found['recsys_outbox_rows{outbox="mails"}'] == 1
    assert found['recsys_outbox_oldest_seconds{outbox="mails"}'] == pytest.approx(300, abs=30)
    assert found['recsys_outbox_rows{outbox="invalidations"}'] == 0


@pytest.mark.django_db
def test_services_say_what_they_use():
    found = samples(work.postgresql_metrics, work.redis_metrics, work.disk_metrics)

    assert 0 < found["recsys_postgresql_connections"] <= found["recsys_postgresql_max_connections"]
    assert found["recsys_postgresql_size_bytes"] > 0
    assert found["recsys_redis_memory_bytes"] > 0
    assert 0 < found["recsys_disk_free_bytes"] <= found["recsys_disk_size_bytes"]


def test_the_last_success_of_a_task_is_kept():
    cache.delete_pattern("task-board*")
    success_note("workers.tasks.mails.send", at=1_700_000_000.0)

    found = samples(work.task_metrics)

    assert found['recsys_task_last_success_timestamp_seconds{task="workers.tasks.mails.send"}'] == 1_700_000_000
    cache.delete_pattern("task-board*")


@pytest.mark.parametrize(
    ("message", "age"),
    [(b'{"headers": {"sent_at": 1700000000}}', 90), (b"{}", 0), (b"not JSON", 0), (None, 0)],
)
def test_a_queue_is_as_old_as_its_next_message(message, age, monkeypatch):
    monkeypatch.setattr(time, "time", lambda: 1_700_000_090)

    assert broker._age(message) == age


def test_the_recall_that_was_measured_last_is_shown(monkeypatch):
    monkeypatch.setattr(work, "recall_latest", lambda: None)
    assert not [name for name in samples(work.recall_metrics) if "recall_ratio" in name]

    monkeypatch.setattr(work, "recall_latest", lambda: RecallProbe(7, 0.85, 20, 1_700_000_000.0))
    found = samples(work.recall_metrics)

    assert found["recsys_index_recall_ratio"] == 0.85
    assert found["recsys_index_recall_measured_timestamp_seconds"] == 1_700_000_000


def test_a_task_whose_latest_run_failed_is_named():
    cache.delete_pattern("task-board*")
    for name, state in (("a", FAILED), ("b", DONE), ("c", RUNNING), ("d", RETRY)):
        run_note(TaskRun(task=name, state=state, started_at=1.0, finished_at=2.0))

    found = samples(work.task_metrics)

    failed = {name: value for name, value in found.items() if name.startswith("recsys_task_last_failed")}
    assert failed == {'recsys_task_last_failed{task="a"}': 1, 'recsys_task_last_failed{task="b"}': 0}
    cache.delete_pattern("task-board*")
