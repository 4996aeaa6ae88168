"""Deterministic assignment of people to experiments and arms by hash.

The same in every process and language: the first eight bytes of the SHA-256 of ``salt:user id``, as a big-endian
unsigned number. docs/api.md documents it. All arithmetic is on whole numbers, so that no rounding differs.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

# The parts of the people that an experiment can reserve: a hundredth of a percent each.
BUCKETS = 10_000
# All experiments on lists share one layer, because a list has one experiment: a person is in one at most.
LAYER = "lists"
MAX_WEIGHT = 1000


def hash_number(salt: str, user_id: int) -> int:
    """A number from 0 to 2**64 - 1 for a person, uniform and independent for each salt.

    >>> hash_number("lists", 42)
    6207689964421046647
    """
    return int.from_bytes(sha256(f"{salt}:{user_id}".encode()).digest()[:8], "big")


def bucket_of(user_id: int) -> int:
    """The person's bucket in the layer, 0 to BUCKETS - 1."""
    return (hash_number(LAYER, user_id) * BUCKETS) >> 64


def arm_index(salt: str, user_id: int, weights: Sequence[int]) -> int:
    """The index of the person's arm, by the arms' weights in their order.

    salt: the experiment's own, so that its arms are independent of those of earlier experiments. Raises ValueError
    without a positive weight.
    """
    if sum(weights) <= 0:
        raise ValueError("An experiment needs arms with weights above 0.")
    place = (hash_number(salt, user_id) * sum(weights)) >> 64
    for index, weight in enumerate(weights):
        place -= weight
        if place < 0:
            return index
    raise AssertionError("unreachable: the place is below the sum of the weights")


def first_free_range(taken: Sequence[tuple[int, int]], size: int) -> tuple[int, int] | None:
    """The first range of ``size`` buckets, ``(start, end)`` with the end excluded, that overlaps none of ``taken``.

    None if no gap is long enough.
    """
    start = 0
    for low, high in [*sorted(taken), (BUCKETS, BUCKETS)]:
        if low - start >= size:
            return start, start + size
        start = max(start, high)
    return None
