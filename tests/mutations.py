"""Damage to files, as transfers, spreadsheets and programs do it; the same for the same seed."""

import random

PIECES = (
    *(b'"', b'""', b"'", b",", b"|", b"::", b"\t", b"\0", b"\r", b"\n", b"\r\n", b"\xff", b"\xe9", b"\xef\xbb\xbf"),
    *(b"1e3", b"-1", b"inf", b"nan", b"None", b"[]", b"862.0", b"9" * 20, b"1" * 5000, b"0", b"1_0", b"\xd9\xa3"),
    *(b"[" * 3000, b"{'name':" * 500, b"['a','b']", b'["\\ud800"]', b'["\\u0000"]', b"[{'name':'Drama'}]"),
    *(b"Drama|drama", b"DRAMA", b"Come\xcc\x81die", b"\xe2\x80\x8b", b"x" * 5000, b"=1+1", b"\x85", b"\xe2\x80\xa8"),
    *(b"\\", b"\xf0\x9f\x8e\xac", b"\xed\xa0\x80", b"1995-10-30", b".", b" ", b"\xc2\xa0", b"\x1a"),
)
_SEPARATORS = (b",", b"|", b"::", b"\t")


def mutated(rng: random.Random, data: bytes) -> bytes:
    """The file with one to three things wrong."""
    for _ in range(rng.randint(1, 3)):
        data = rng.choice((_insert, _cut, _replace_field, _shuffle_fields, _lines, _whole))(rng, data)
    return data


def _insert(rng: random.Random, data: bytes) -> bytes:
    place = rng.randrange(len(data) + 1)
    return data[:place] + rng.choice(PIECES) + data[place:]


def _cut(rng: random.Random, data: bytes) -> bytes:
    place = rng.randrange(len(data) + 1)
    return data[:place] + data[place + rng.randrange(30) :]


def _replace_field(rng: random.Random, data: bytes) -> bytes:
    lines, separator = data.split(b"\n"), rng.choice(_SEPARATORS)
    line = rng.randrange(len(lines))
    fields = lines[line].split(separator)
    fields[rng.randrange(len(fields))] = rng.choice(PIECES)
    lines[line] = separator.join(fields)
    return b"\n".join(lines)


def _shuffle_fields(rng: random.Random, data: bytes) -> bytes:
    lines, separator = data.split(b"\n"), rng.choice(_SEPARATORS)
    line = rng.randrange(len(lines))
    fields = lines[line].split(separator)
    rng.shuffle(fields)
    lines[line] = separator.join(fields)
    return b"\n".join(lines)


def _lines(rng: random.Random, data: bytes) -> bytes:
    lines = data.split(b"\n")
    line = rng.randrange(len(lines))
    change = rng.randrange(4)
    if change == 0:
        lines.insert(line, lines[rng.randrange(len(lines))])
    elif change == 1:
        del lines[line]
    elif change == 2:
        lines[line] = lines[line].swapcase()
    else:
        lines = [each + b",x" if each else each for each in lines]
    return b"\n".join(lines)


def _whole(rng: random.Random, data: bytes) -> bytes:
    change = rng.randrange(4)
    if change == 0:
        return data.replace(b"\n", b"\r\n")
    if change == 1:
        return rng.choice((b"\xef\xbb\xbf", b"\xff\xfe", b"\n\n")) + data
    encoding = ("cp1252", "utf-16")[change - 2]
    return data.decode("utf-8", "replace").encode(encoding, "replace")
