"""What the support page of a person shows of events and lists."""

from typing import Any

from django.urls import reverse
from django.utils.html import format_html

from accounts.models import User
from accounts.staff.support import SupportSection
from events.attribution.followed import followed_by_list, followed_text, source_words, sources_text, title_in, titles_of
from events.models import Interaction, Rating, ServedRecommendation

LISTS = 5
PLACES = 10
EVENTS = 10


def activity_section(user: User) -> SupportSection:
    """How much there is of the person, and the newest events. Two queries, by the person's indexes."""
    events = list(Interaction.objects.filter(user=user).select_related("movie").order_by("-occurred_at")[:EVENTS])
    ratings = Rating.objects.filter(user=user).count()
    seen = f"last active {events[0].occurred_at:%Y-%m-%d %H:%M} UTC" if events else "no events"
    return SupportSection(
        title="Activity",
        note=f"{ratings} ratings, {seen}. The newest events:",
        columns=("When (UTC)", "What", "Movie"),
        rows=[
            (
                f"{event.occurred_at:%Y-%m-%d %H:%M}",
                event.kind + (", taken back" if event.undone_at else ""),
                str(event.movie),
            )
            for event in events
        ],
    )


def lists_section(user: User) -> SupportSection:
    """The last lists with their first movies, why each is there, and what followed. Four queries."""
    lists = list(ServedRecommendation.objects.filter(user=user).order_by("-served_at")[:LISTS])
    titles = titles_of(movie_id for served in lists for movie_id in served.movie_ids[:PLACES])
    followed = followed_by_list(lists)
    rows: list[tuple[Any, ...]] = []
    for served in lists:
        acts = followed.get(served.pk, [])
        page = reverse("admin:events_servedrecommendation_change", args=[served.pk])
        for place, movie_id in enumerate(served.movie_ids[:PLACES], start=1):
            code = served.sources[place - 1] if place <= len(served.sources) else None
            rows.append(
                (
                    format_html('<a href="{}">{}</a>', page, f"{served.served_at:%Y-%m-%d %H:%M}")
                    if place == 1
                    else "",
                    place,
                    title_in(titles, movie_id),
                    source_words(code),
                    "; ".join(one.text for one in acts if one.movie_id == movie_id) or "-",
                )
            )
        rest = [one for one in acts if one.position > PLACES]
        rows.append(("", "", sources_text(served.sources), "sources of the whole list", followed_text(rest)))
    return SupportSection(
        title="Last lists",
        note=f"The last {LISTS} lists that are logged, their first {PLACES} places, and what followed by attribution.",
        columns=("Served (UTC)", "Place", "Movie", "Why it is there", "What followed"),
        rows=rows,
    )
