"""E-mail addresses: one spelling each, and none that only seems to be another."""

import pytest
from django.core.exceptions import ValidationError

from accounts import services
from accounts.addresses import canonical, validated
from accounts.models import User
from tests.factories import PASSWORD, client_of, make_user

ZERO_WIDTH, SOFT_HYPHEN, RIGHT_TO_LEFT = "\u200b", "\u00ad", "\u202e"


@pytest.mark.parametrize(
    ("given", "spelt"),
    [
        ("Ada@Example.ORG", "ada@example.org"),
        ("  ada@x.org\n", "ada@x.org"),
        ("\uff41\uff44\uff41@x.org", "ada@x.org"),
        ("ada\uff20x.org", "ada@x.org"),
        ("\u212aurt@x.org", "kurt@x.org"),
        ("o'neil+films@x.org", "o'neil+films@x.org"),
        ("ada@B\u00fccher.example", "ada@xn--bcher-kva.example"),
        ("ada@Bu\u0308cher.example", "ada@xn--bcher-kva.example"),
        ("ada@XN--BCHER-KVA.example", "ada@xn--bcher-kva.example"),
        ("ada@fu\u00df.example", "ada@xn--fu-hia.example"),
        ("ada@x\u3002org", "ada@x.org"),
    ],
)
def test_an_address_has_one_spelling(given, spelt):
    assert canonical(given) == validated(given) == canonical(spelt) == spelt


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("\u0430da@x.org", "U+0430 CYRILLIC SMALL LETTER A"),
        ("\u0131an@x.org", "U+0131"),
        ("\u0130an@x.org", "U+0307"),
        ("m\u00fcller@x.org", "U+00FC"),
        (f"a{ZERO_WIDTH}da@x.org", "invisible character U+200B"),
        (f"a{SOFT_HYPHEN}da@x.org", "invisible character U+00AD"),
        (f"ada@x{ZERO_WIDTH}y.org", "invisible character U+200B"),
        (f"{RIGHT_TO_LEFT}ada@x.org", "invisible character U+202E"),
        ("a da@x.org", "invisible character U+0020"),
        ("a\x00da@x.org", "invisible character U+0000"),
        ("a\ud800da@x.org", "invisible character U+D800"),
        ('"a b"@x.org', "invisible character U+0020"),
        ('"ab"@x.org', "valid"),
        ("ada", "valid"),
        ("@x.org", "valid"),
        ("ada@", "valid"),
        ("ada@localhost", "valid"),
        ("ada@@x.org", "valid"),
        ("ada@x..org", "valid"),
        ("ada@-x.org", "valid"),
        ("ada@xn--a.org", "valid"),
        (".ada@x.org", "valid"),
        ("a..da@x.org", "valid"),
        ("a" * 65 + "@x.org", "valid"),
        ("a@" + "x." * 130 + "org", "254"),
        ("", "valid"),
    ],
)
def test_an_address_that_deceives_is_refused_by_name(address, said):
    with pytest.raises(ValidationError) as refusal:
        validated(address)

    assert said in refusal.value.messages[0]


@pytest.mark.parametrize("text", ["", "@", "x" * 100_000, "\ufdfa" * 254 + "@" + "\ufdfa" * 254, "a@\ud800.org", "@@@"])
def test_what_is_no_address_is_looked_up_all_the_same(text):
    assert isinstance(canonical(text), str)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "spelling", ["ADA@B\u00fccher.example", "ada@xn--bcher-kva.example", "\uff41da@bu\u0308cher.example"]
)
def test_every_spelling_of_an_address_signs_in_to_one_account(spelling):
    user = make_user("ada@B\u00dcCHER.example")
    assert User.objects.get().email == "ada@xn--bcher-kva.example"

    found, _ = services.user_sign_in(email=spelling, password=PASSWORD)

    assert found == user
    with pytest.raises(ValidationError):
        services.user_register(email=spelling, password="a long enough one")
    assert User.objects.count() == 1


@pytest.mark.django_db
def test_registering_says_which_character_is_wrong():
    body = {"email": "\u0430da@x.org", "password": "a long enough one"}

    response = client_of().post("/api/auth/register/", body, format="json")

    assert response.status_code == 400
    (message,) = response.json()["error"]["fields"]["email"]
    assert "CYRILLIC SMALL LETTER A" in message
    assert not User.objects.exists()
