"""Small MovieLens archives in every official layout, written by hand for the tests of reading and importing."""

import os
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

GENRES = (
    "unknown|0\nAction|1\nAdventure|2\nAnimation|3\nChildren's|4\nComedy|5\nCrime|6\nDocumentary|7\nDrama|8\nFantasy|9\n"
    "Film-Noir|10\nHorror|11\nMusical|12\nMystery|13\nRomance|14\nSci-Fi|15\nThriller|16\nWar|17\nWestern|18\n\n"
)


def _flags(*ones: int) -> str:
    return "|".join("1" if place in ones else "0" for place in range(19))


CSV = {
    "movies.csv": (
        "movieId,title,genres\n"
        "1,Toy Story (1995),Adventure|Animation|Children|Comedy|Fantasy\n"
        '2571,"Matrix, The (1999)",Action|Sci-Fi|Thriller\n'
        '29,"City of Lost Children, The (Cité des enfants perdus, La) (1995)",Adventure|Drama\n'
        "171495,Cosmos,(no genres listed)\n"
    ).encode(),
    "ratings.csv": (
        b"userId,movieId,rating,timestamp\n"
        b"1,1,4.0,964982703\n1,2571,5.0,964982704\n2,29,0.5,1445714835\n2,171495,3.5,1445714836\n"
    ),
    "tags.csv": b'userId,movieId,tag,timestamp\n2,29,"dream, stolen",1445714994\n3,1,pixar,1445714996\n',
    "links.csv": b"movieId,imdbId,tmdbId\n1,0114709,862\n2571,0133093,603\n29,0112682,\n171495,,409926\n",
}
DAT_1M = {
    "movies.dat": (
        "1::Toy Story (1995)::Animation|Children's|Comedy\n"
        "2571::Matrix, The (1999)::Action|Sci-Fi|Thriller\n"
        "2131::Autumn Sonata (Höstsonaten ) (1978)::Drama\n"
    ).encode("latin-1"),
    "ratings.dat": b"1::1::5::978300760\n1::2571::3::978302109\n2::2131::4::978301968\n",
}
DAT_10M = {
    "movies.dat": (
        "1::Toy Story (1995)::Adventure|Animation|Children|Comedy|Fantasy\n"
        "2571::Matrix, The (1999)::Action|Sci-Fi|Thriller\n"
        "2131::Autumn Sonata (Höstsonaten) (1978)::Drama\n"
    ).encode(),
    "ratings.dat": b"1::1::4.5::838985046\n2::2571::5::838983525\n",
    "tags.dat": b"2::2571::so: good :: really::1188263867\n",
}
U = {
    "u.item": (
        "1|Toy Story (1995)|01-Jan-1995||http://us.imdb.com/M/title-exact?Toy%20Story%20(1995)|"
        + _flags(3, 4, 5)
        + "\n"
        "267|unknown||||" + _flags(0) + "\n"
        "1633|Á köldum klaka (Cold Fever) (1994)|08-Mar-1996||http://us.imdb.com/M/title|" + _flags(5, 8) + "\n"
        "1412|Land Before Time III: The Time of the Great Giving (1995) (V)|01-Jan-1995||x|" + _flags(3, 4) + "\n"
    ).encode("latin-1"),
    "u.data": b"196\t1\t3\t881250949\n186\t267\t3\t891717742\n22\t1633\t1\t878887116\n22\t1412\t2\t878887117\n",
    "u.genre": GENRES.encode(),
}


def write_folder(parent: Path, name: str, files: Mapping[str, bytes]) -> Path:
    """A data set as a folder."""
    folder = parent / name
    folder.mkdir(parents=True, exist_ok=True)
    for file, data in files.items():
        (folder / file).write_bytes(data)
    return folder


def write_zip(parent: Path, name: str, files: Mapping[str, bytes], *, inside: str | None = None) -> Path:
    """A data set as a zip, its files in a folder named as the data set (or ``inside``; "" for the root)."""
    folder = name if inside is None else inside
    path = parent / f"{name}.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file, data in files.items():
            archive.writestr(f"{folder}/{file}" if folder else file, data)
    return path


def real_data(name: str) -> Path:
    """A published data set where the machine has it; skips the test elsewhere."""
    folder = Path(os.environ.get("RECSYS_DATA") or Path(__file__).resolve().parent.parent.parent / "shared" / "data")
    if not (folder / name).exists():
        pytest.skip(f"{name} is not in {folder} (RECSYS_DATA)")
    return folder / name
