"""What the demo prints can be opened and copied."""

from urllib.parse import urlsplit

from django.urls import resolve

from recsys_project.demo.__main__ import addresses_of
from recsys_project.embedded.addresses import PROJECT_DIR

PASSWORDS = {"admin@example.com": "one", "ada@example.com": "two", "grace@example.com": "three"}


def test_each_address_is_one_of_the_site():
    rows = addresses_of("http://localhost:8000", PASSWORDS)

    addresses = {name: where for name, where, _ in rows if "://" in where}
    assert list(addresses) == ["Admin", "Dashboard", "API page", "Metrics", "Health"]
    for where in addresses.values():
        assert resolve(urlsplit(where).path)


def test_everybody_is_named_once_with_the_password():
    text = "\n".join(" ".join(row) for row in addresses_of("http://localhost:8000", PASSWORDS))

    for email, password in PASSWORDS.items():
        assert text.count(email) == text.count(f"password {password}") == 1


def test_the_readme_has_the_addresses():
    readme = (PROJECT_DIR / "README.md").read_text()

    for name, where, _ in addresses_of("http://localhost:8000", PASSWORDS):
        if "://" in where:
            assert f"| {name} | `{where}` |" in readme
