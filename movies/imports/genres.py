"""Genre names: data sets call some genres differently; the catalogue has one name for each."""

# What each data set means by "no genre".
NO_GENRE = {"", "(no genres listed)", "unknown"}

# Left: as found in a data set. Right: as the newest MovieLens data sets call it.
_SAME = {
    "Children's": "Children",
    "Animated": "Animation",
    "Science Fiction": "Sci-Fi",
    "Noir": "Film-Noir",
}


def genre_names(raw: str) -> tuple[str, ...]:
    """The genres of ``"Comedy|Children's"``, each once, in their order."""
    names = (part.strip() for part in raw.split("|"))
    return tuple(dict.fromkeys(_SAME.get(name, name) for name in names if name not in NO_GENRE))
