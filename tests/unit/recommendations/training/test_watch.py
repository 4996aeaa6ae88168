"""A version is rolled back once, by its first lists; too little data or a good version changes nothing."""

from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from accounts.models import User
from events.attribution.windows import window_figures
from events.models import AttributionProgress, Interaction, RecommendationOutcome, RecommendationStatistic
from events.models import ServedRecommendation as Served
from events.served.partitions import partitions_ensure
from movies.models import Movie
from recommendations.models import ModelVersion, VersionDecision
from recommendations.training.attempts import trainings_sweep
from recommendations.training.decisions import version_publish_because, version_withdraw
from recommendations.training.publishing import version_rollback
from recommendations.training.watch import version_watch
from tests.factories import make_embedding, make_movie, make_user, make_version
from workers.tasks import watch as watch_task

HOUR = timedelta(hours=1)
LISTS, PLACES = 30, 10
BATCH, POPULAR = 0, 2


class Site:
    """One person's lists, all shown ten minutes after a full hour. The live version went live three hours ago."""

    def __init__(self) -> None:
        self.person: User = make_user()
        self.movie: Movie = make_movie()
        self.hour: datetime = timezone.now().astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        self.published: datetime = self.hour - 3 * HOUR
        self.older = make_version("retired", live_at=self.hour - 30 * HOUR, started_at=self.hour - 31 * HOUR)
        self.live = make_version("live", live_at=self.published, started_at=self.hour - 4 * HOUR)
        for version in (self.older, self.live):
            make_embedding(version, self.movie, [1.0])
        AttributionProgress.objects.update_or_create(pk=1, defaults={"read_until": self.hour + timedelta(minutes=7)})
        for day in (1, 2, 3):
            self.show(self.older, self.published - timedelta(days=day), opened=60)

    def show(self, version, starts_at: datetime, *, opened=0, lists=LISTS, empty=0, fallback=0, after=HOUR / 2) -> None:
        """Log lists and count the hour; ``opened`` movies were clicked this long after they were shown."""
        at = starts_at + timedelta(minutes=10)
        partitions_ensure({at})
        movies = [self.movie.pk] * PLACES
        kinds = [([], [])] * empty + [(movies, [POPULAR] * PLACES)] * fallback
        kinds += [(movies, [BATCH] * PLACES)] * (lists - empty - fallback)
        served = Served.objects.bulk_create(
            Served(
                user=self.person,
                endpoint="recommendations",
                model_version_id=version.pk,
                movie_ids=shown,
                scores=[1.0] * len(shown),
                sources=sources,
                served_at=at,
            )
            for shown, sources in kinds
        )
        counts = {field.name: 0 for field in RecommendationStatistic._meta.fields[7:-1]}
        RecommendationStatistic.objects.create(
            period="hour",
            starts_at=starts_at,
            dimension="version",
            value=str(version.pk),
            **counts | {"impressions": lists * PLACES},
            as_of=at,
        )
        self.click(version, served[0].pk, at, opened, after)

    def click(self, version, list_id, shown_at: datetime, count: int, after: timedelta) -> None:
        clicked = shown_at + after
        events = Interaction.objects.bulk_create(
            Interaction(user=self.person, movie=self.movie, kind="click", occurred_at=clicked, received_at=clicked)
            for _ in range(count)
        )
        RecommendationOutcome.objects.bulk_create(
            RecommendationOutcome(
                interaction_id=event.pk,
                shown_at=shown_at,
                recommendation_id=list_id,
                position=place,
                source=BATCH,
                named=True,
                model_version_id=version.pk,
                endpoint="recommendations",
            )
            for place, event in enumerate(events)
        )

    def watch(self) -> ModelVersion | None:
        return version_watch(now=self.hour + timedelta(minutes=22))

    def result(self) -> str | None:
        return ModelVersion.objects.get(pk=self.live.pk).watch.get("result")


@pytest.fixture
def site(db, settings) -> Site:
    settings.WATCH_MIN_LISTS, settings.WATCH_DAYS = 20, 4
    return Site()


def assert_unchanged(site: Site) -> None:
    assert ModelVersion.objects.live().get() == site.live
    assert ModelVersion.objects.get(pk=site.live.pk).refusal == ""
    assert not VersionDecision.objects.exists()


def test_a_version_that_people_open_less_is_rolled_back(site, caplog):
    site.show(site.live, site.published, opened=10)

    assert site.watch() == site.older

    assert ModelVersion.objects.live().get() == site.older
    left = ModelVersion.objects.get(pk=site.live.pk)
    assert left.status == "retired"
    reason = "Rolled back by the watch: click-through 3.33%, on the worst of 3 days before 20.00%."
    assert left.refusal == reason
    assert (left.watch["result"], left.watch["lists"], left.watch["opened"]) == ("rolled back", LISTS, 10)
    decided = VersionDecision.objects.order_by("pk").values_list("version", "kind", "reason", "made_by")
    assert list(decided) == [
        (site.older.pk, "restored", reason, None),
        (site.live.pk, "withdrawn", reason, None),
    ]
    assert "version_rolled_back" in caplog.text


@pytest.mark.parametrize("kind", ["empty", "fallback"])
def test_a_version_of_useless_lists_is_rolled_back(site, kind):
    site.show(site.live, site.published, opened=70, **{kind: 20})

    assert site.watch() == site.older
    assert f"{kind} lists 66.7%" in ModelVersion.objects.get(pk=site.live.pk).refusal


def test_a_good_version_stays(site):
    site.show(site.live, site.published, opened=50, empty=1, fallback=2)

    assert site.watch() is None
    assert_unchanged(site)
    assert site.result() == "as before"


def test_too_few_lists_change_nothing(site):
    site.show(site.live, site.published, lists=19)

    assert site.watch() is None
    assert_unchanged(site)
    assert site.result() == "too few lists"


def test_too_few_days_change_nothing(site, settings):
    settings.WATCH_DAYS = 2
    site.show(site.live, site.published)

    assert site.watch() is None
    assert_unchanged(site)
    assert site.result() == "too few days before it with enough lists"


def test_the_setting_turns_the_watch_off(site, settings):
    settings.WATCH_HOURS = 0
    site.show(site.live, site.published)

    assert site.watch() is None
    assert_unchanged(site)
    assert site.result() is None


def test_the_watch_ends_a_day_after_publishing(site):
    site.show(site.live, site.published)

    assert version_watch(now=site.published + 29 * HOUR) is None
    assert_unchanged(site)


@pytest.mark.parametrize("counted", [None, timedelta(hours=-3)])
def test_hours_that_are_not_counted_are_not_judged(site, counted):
    site.show(site.live, site.published)
    progress = AttributionProgress.objects.filter(pk=1)
    if counted is None:
        progress.delete()
    else:
        progress.update(read_until=site.hour + counted)

    assert site.watch() is None
    assert_unchanged(site)


def test_no_sweep_undoes_a_rollback(site):
    site.show(site.live, site.published)
    site.watch()

    assert trainings_sweep() == 0
    assert site.watch() is None
    assert ModelVersion.objects.live().get() == site.older
    assert VersionDecision.objects.count() == 2

    # Nor does a later rollback return to it.
    newer = make_version("ready", started_at=site.hour)
    make_embedding(newer, site.movie, [1.0])
    version_publish_because(version=newer, reason="The next night")
    assert version_rollback() == site.older


def test_what_staff_publish_again_stays(site):
    site.show(site.live, site.published)
    site.watch()
    version_publish_because(version=site.live, reason="The clicks were not logged")
    ModelVersion.objects.filter(pk=site.live.pk).update(live_at=site.published)

    assert site.watch() is None
    assert ModelVersion.objects.live().get() == site.live


def test_without_an_earlier_version_it_stays(site):
    site.show(site.live, site.published)
    ModelVersion.objects.filter(pk=site.older.pk).update(refusal="Its data shrank.")

    assert site.watch() is None
    assert ModelVersion.objects.live().get() == site.live
    assert not VersionDecision.objects.exists()
    assert "no earlier version" in site.result()


def test_a_version_that_is_not_live_any_more_is_not_left(site):
    newer = make_version("ready", started_at=site.hour)
    make_embedding(newer, site.movie, [1.0])
    ModelVersion.objects.filter(pk=site.live.pk).update(status="retired")
    ModelVersion.objects.filter(pk=newer.pk).update(status="live")

    with pytest.raises(Exception, match="is not live any more"):
        version_withdraw(version=site.live, reason="Odd lists", watch={"result": "rolled back"})

    assert ModelVersion.objects.live().get() == newer
    assert site.result() is None
    assert not VersionDecision.objects.exists()


def test_only_early_clicks_on_lists_of_versions_count(site):
    site.show(site.live, site.published, opened=5, after=timedelta(minutes=61))
    site.show(site.live, site.published + HOUR, opened=7, lists=12, fallback=2)
    site.show(site.older, site.published, opened=3, lists=11, empty=1)
    span = {"since": site.published, "until": site.published + 2 * HOUR, "version_id": site.live.pk}

    own, others = window_figures(**span, own=True), window_figures(**span, own=False)

    assert (own.impressions, own.opened, own.lists, own.fallback) == (420, 7, 42, 2)
    assert (others.impressions, others.opened, others.lists, others.empty) == (110, 3, 11, 1)


def test_the_hourly_task_watches(site, monkeypatch):
    monkeypatch.setattr(watch_task, "version_watch", lambda: site.older)

    entry = PeriodicTask.objects.get(name="Watch of the live version")
    assert (entry.task, entry.enabled) == (watch_task.hourly.name, True)
    assert watch_task.hourly.apply().result == site.older.pk


def test_staff_see_what_the_watch_found(site, admin_client):
    site.show(site.live, site.published, opened=10)
    site.watch()

    page = admin_client.get(reverse("admin:recommendations_modelversion_change", args=[site.live.pk])).content.decode()

    assert "After publishing" in page
    assert page.count("Rolled back by the watch") >= 2
