"""Genre names: data sets call some genres differently; the catalogue has one name for each."""

from movies.movielens.cells import cell_names

# What each data set means by "no genre", case ignored.
NO_GENRE = {"(no genres listed)", "unknown"}

# Left: as found in a data set, case ignored. Right: as the newest MovieLens data sets call it.
_SAME = {
    "children's": "Children",
    "animated": "Animation",
    "science fiction": "Sci-Fi",
    "noir": "Film-Noir",
}


def genre_names(raw: str) -> tuple[str, ...]:
    """The genres of ``"Comedy|Children's"`` or of any other list (``cell_names``), each once, in their order.

    Raises ValueError for a list that cannot be read and for numbers in place of names.
    """
    names: dict[str, str] = {}
    for name in cell_names(raw):
        if name.casefold() in NO_GENRE:
            continue
        if name.replace(".", "").isdigit():
            raise ValueError("a genre is a number, not a name")
        known = _SAME.get(name.casefold(), name)
        names.setdefault(known.casefold(), known)
    return tuple(names.values())
