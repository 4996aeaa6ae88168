"""Texts in one form, in Python and in PostgreSQL alike."""

# ruff: noqa: RUF001 -- letters that look like others are what this is about.

import sys
import unicodedata

import pytest
from django.db import connection

from movies.text import normalise_line, normalise_query, normalise_text, search_key, search_key_typed, unaccented


@pytest.mark.parametrize(
    ("raw", "line"),
    [
        ("Jose\u0301", "Jos\u00e9"),
        ("\ufeffAm\u00e9lie\u200b ", "Am\u00e9lie"),
        ("Je\u200bos\u00e9\u00a0 Luis", "Jeos\u00e9 Luis"),
        ("a\u2028b\tc\x01d", "a b c d"),
        ("نمی\u200cخواهم", "نمی\u200cخواهم"),
        ("\uff21 \ufb01lm", "\uff21 \ufb01lm"),
    ],
)
def test_a_stored_line_is_nfc_without_what_is_invisible(raw, line):
    assert normalise_line(raw) == line
    assert normalise_line(line) == line


def test_a_stored_text_keeps_its_lines():
    assert normalise_text(" Cafe\u0301\n\nno\u00a0end\x02\ufeff\n") == "Caf\u00e9\n\nno end"


def test_what_is_typed_becomes_ordinary_letters():
    assert normalise_query("\ufeff\uff2d\uff41\uff54\uff52\uff49\uff58\u3000 19\u200b99\u200d") == "Matrix 1999"
    assert normalise_query("a\x00b") == "a\x00b"
    assert search_key_typed("a\x00me\u0301lie") == "AMELIE"


@pytest.mark.parametrize("normalise", [normalise_text, normalise_line, normalise_query, unaccented])
def test_a_letter_keeps_a_bounded_number_of_marks(normalise):
    # Each mark of the second kind goes before all of the first: a million steps for a thousand of each.
    heaped = "q" + "\u0345" * 2000 + "\u0334" * 2000
    assert len(normalise(heaped)) < 40
    assert normalise(f"{heaped} e{chr(0x301)}").endswith(normalise("\u00e9"))
    # Marks that no letter has too many of all stay.
    word = "q\u0323\u0307"
    assert normalise(" ".join([word] * 500)) == " ".join([normalise(word)] * 500)


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Amélie À Łódź", "Amelie A Lodz"),
        ("Æon Flux, smørrebrød, Straße", "AEon Flux, smorrebrod, Strasse"),
        ("\u201cOcean\u2019s\u201d", '"Ocean\'s"'),
        ("がぎ 한국 हिन्दी ёлка", "がぎ 한국 हिन्दी елка"),
    ],
)
def test_accents_go_and_other_scripts_stay(text, plain):
    assert unaccented(text) == plain


@pytest.mark.django_db
def test_postgresql_and_python_agree_on_every_letter():
    letters = [
        chr(code)
        for code in range(1, sys.maxunicode + 1)
        if unicodedata.category(chr(code)) not in ("Cn", "Cs", "Co") and not 0xAC10 < code < 0xD7A0
    ]
    words = ["".join(letters[start : start + 50]) for start in range(0, len(letters), 50)]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT word, movies_unaccented(word), movies_search_key(word)"
            " FROM unnest(%s::text[]) WITH ORDINALITY AS given (word, place) ORDER BY place",
            [words],
        )
        rows = cursor.fetchall()
    assert [plain for _, plain, _ in rows] == [unaccented(word) for word in words]
    differ = [word for word, _, key in rows if key != search_key(word)]
    # Newer editions of Unicode have capitals for letters that older ones have without: a handful, and rare ones.
    assert len(differ) < 10, differ
