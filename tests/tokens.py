"""Cache version tokens, as tests read them from Redis."""

from django_redis import get_redis_connection

from movies.caching.version_tokens import token_key


def user_token_key(user_id: int) -> str:
    """The Redis key of the person's token."""
    return token_key(f"user:{user_id}")


def user_token(user_id: int) -> bytes | None:
    """The person's token; None if Redis has none."""
    return get_redis_connection("default").get(user_token_key(user_id))
