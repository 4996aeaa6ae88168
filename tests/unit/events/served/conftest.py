import pytest
from django.core.cache import cache


@pytest.fixture(autouse=True)
def _empty_stream(db: None) -> None:
    """Nothing waits that an earlier test logged."""
    cache.delete_pattern("*")
