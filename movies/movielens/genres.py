"""Maps the genre names of data sets to one name per genre."""

from movies.movielens.cells import cell_names

# Names for "no genre" in the data sets, in lower case.
NO_GENRE = {"(no genres listed)", "unknown"}

# Names in data sets, in lower case, and their names in the newest MovieLens data sets.
_ALIASES = {
    "children's": "Children",
    "animated": "Animation",
    "science fiction": "Sci-Fi",
    "noir": "Film-Noir",
}


def genre_names(raw: str) -> tuple[str, ...]:
    """The genres of ``"Comedy|Children's"`` or another list (``cell_names``), in their order, without duplicates.

    Raises ValueError for a list that cannot be read and for numbers in place of names.
    """
    names: dict[str, str] = {}
    for name in cell_names(raw):
        if name.casefold() in NO_GENRE:
            continue
        if name.replace(".", "").isdigit():
            raise ValueError("a genre is a number, not a name")
        known = _ALIASES.get(name.casefold(), name)
        names.setdefault(known.casefold(), known)
    return tuple(names.values())
