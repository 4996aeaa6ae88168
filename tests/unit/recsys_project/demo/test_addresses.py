"""What the demo prints can be opened."""

from urllib.parse import urlsplit

from django.urls import resolve

from recsys_project.demo.__main__ import addresses_of


def test_each_address_is_one_of_the_site():
    addresses = addresses_of("http://localhost:8000")

    assert [name for name, _ in addresses] == ["API", "Admin", "Dashboard", "Metrics", "Health"]
    for _, where in addresses:
        assert resolve(urlsplit(where.split(" ")[0]).path)
