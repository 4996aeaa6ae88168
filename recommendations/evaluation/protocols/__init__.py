"""Published and own protocols by name; ``manage.py evaluate`` runs them."""

from recommendations.evaluation.protocols import cold_movies
from recommendations.evaluation.protocols.base import Options, Protocol, ProtocolError

__all__ = ["PROTOCOLS", "Options", "Protocol", "ProtocolError"]

PROTOCOLS: dict[str, Protocol] = {
    cold_movies.NAME: Protocol(
        cold_movies.run,
        "movies without ratings, ranked among themselves by factors predicted from content",
        "a MovieLens archive with canonical movie ids, such as ml-1m.zip",
        needs_metadata=True,
    ),
}
