"""A training killed at a step of writing or publishing: people see the old version or the new one, never a mix."""

import time

from tests.faults.figures import FULL, measured
from tests.faults.points import PUBLISHING_STEPS
from tests.faults.reads import LIST, Reads, reading
from tests.faults.site import Process, Site, await_that
from tests.functional.web_server import WebServer

# Inside the transaction that makes a version live, and right after its commit.
TOKEN = "movies.caching.version_tokens:invalidate_catalogue"
SHORT = ["after recommendations.training.publishing:invalidate_catalogue_on_commit", f"before {TOKEN}"]
# A web process may hold the version before for a second.
SEEN_SECONDS = 2
# Within these it has pruned, and refreshed what is popular.
PRUNED_SECONDS = 5


def whole(site: Site, version: int) -> bool:
    """Whether a version has everybody's list, the vectors of all movies and its files."""
    [(people, lists, movies, vectors)] = site.rows(
        "SELECT (SELECT count(DISTINCT user_id) FROM events_rating),"
        " (SELECT count(*) FROM batch_recommendations WHERE version_id = %s),"
        " (SELECT count(*) FROM movies_movie WHERE status = 'published'),"
        " (SELECT count(*) FROM recommendations_movieembedding WHERE version_id = %s)",
        version,
        version,
    )
    files = sorted(path.name for path in (site.folder / "models" / str(version)).iterdir())
    return lists == people and vectors >= movies and "encoder.npz" in files


def versions_since(reads: Reads, moment: float) -> set[int | None]:
    return {read.version for read in list(reads.done) if read.path == LIST and read.sent > moment}


def crash_at(step: str, site: Site, server: WebServer, trainer: Process) -> float | None:
    """Trains, is killed at this step, and waits until the version is live; the seconds of that.

    None where the step was not reached: there was nothing to prune.
    """
    [old] = site.live()
    with reading(server.url, site.tokens, paths=(LIST,), pause=0.05) as reads:
        site.arm(f"kill {step}")
        new = site.request_training()
        site.look_for_trainings()
        await_that(lambda: site.reached() or published(site, new), log=trainer.log)
        # Some steps come after the version is live.
        deadline = time.monotonic() + PRUNED_SECONDS
        while site.reached() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        reached = site.reached()
        if reached is None:
            site.disarm()
            return None
        live = site.live()
        assert live in ([old], [new]), step
        assert whole(site, live[0]), step
        at = await_that(lambda: published(site, new), log=trainer.log)
        time.sleep(SEEN_SECONDS)
        last = time.time()
        time.sleep(0.5)
    assert site.live() == [new], step
    assert whole(site, new), step
    assert versions_since(reads, last) == {new}, step
    assert reads.failed() == [], step
    assert {version for _, version in reads.lists()} <= {old, new}, step
    # One list for each person and version: none was made of two.
    assert all(len(lists) == 1 for lists in reads.lists().values()), (step, reads.lists())
    return at - reached[1]


def test_a_crash_while_publishing_shows_the_old_or_the_new_version(own_site: Site):
    with own_site.web() as server, own_site.process("trainer") as trainer:
        await_that(trainer.children, log=trainer.log)
        taken = {step: crash_at(step, own_site, server, trainer) for step in (PUBLISHING_STEPS if FULL else SHORT)}
    for step, seconds in taken.items():
        if seconds is not None:
            name = step.replace("recommendations.training.", "").replace("movies.caching.", "")
            measured(f"kill -9 {name}: new version live", seconds, limit=60)
    assert all(taken[step] is not None for step in SHORT)


def published(site: Site, version: int) -> bool:
    return site.version(version)[0] == "live"
