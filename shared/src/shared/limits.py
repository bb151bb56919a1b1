"""Limits on how often something may be done, decided from the ages of what was done before."""

from collections.abc import Sequence
from math import ceil

DAY_SECONDS = 86_400


def seconds_until_next(ages: Sequence[float], apart_seconds: int, per_day: int) -> int:
    """Whole seconds until it may be done again, 0 for now.

    `ages`, in seconds, are those of the last day; two are at least `apart_seconds` apart, and a day holds `per_day`.
    """
    waits = [0.0]
    if ages:
        waits.append(apart_seconds - min(ages))
    if len(ages) >= per_day:
        waits.append(DAY_SECONDS - sorted(ages)[per_day - 1])
    return ceil(max(waits))
