"""Processes tell each other how many connections they have."""

from recsys_project.connection_balance import ConnectionCounts


def test_a_process_sees_the_fewest_of_the_others():
    counts = ConnectionCounts()
    assert counts.fewest_of_others(10) is None
    counts.write(1, 10, 5)
    assert counts.fewest_of_others(10) is None
    counts.write(2, 20, 3)
    counts.write(67, 30, 4)
    assert counts.fewest_of_others(10) == 3
    assert counts.fewest_of_others(20) == 4


def test_a_process_that_has_ended_does_not_count():
    counts = ConnectionCounts()
    counts.write(1, 10, 5)
    counts.write(2, 20, 0)
    counts.remove(20)
    assert counts.fewest_of_others(10) is None
