"""Limits on how often, by value."""

import pytest

from shared.limits import DAY_SECONDS, seconds_until_next


@pytest.mark.parametrize(
    ("ages", "seconds"),
    [
        ([], 0),
        ([0.0], 60),
        ([59.2], 1),
        ([60.0], 0),
        ([61.0, 120.0, 180.0, 240.0], 0),
        ([61.0, 120.0, 180.0, 240.0, 86_000.0], 400),
        ([10.0, 120.0, 180.0, 240.0, DAY_SECONDS - 5], 50),
    ],
)
def test_next_one_waits_for_the_distance_and_for_the_day(ages: list[float], seconds: int) -> None:
    assert seconds_until_next(ages, apart_seconds=60, per_day=5) == seconds
