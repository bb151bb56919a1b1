"""Watching what must not be late: erasures, which are promised within a day."""

from collections.abc import Mapping

from identity import gauges
from identity.wired import Wired
from shared.health import Check, NotReady

_OLDEST = "SELECT extract(epoch FROM now() - min(requested_at))::float AS age FROM erasures WHERE completed_at IS NULL"


def checks(wired: Wired) -> Mapping[str, Check]:
    """What readiness names as degraded: HTTP is answered, but somebody must look."""

    async def erasures() -> None:
        if (age := await _oldest(wired)) > wired.settings.erasure_hours * 3600:
            told = f"an erasure has waited {age / 3600:.0f} hours for its receipts"
            raise NotReady(f"{told}; `identity erasures list` names the services that owe them")

    return {"erasures": erasures}


async def measure(wired: Wired) -> None:
    """Bring the gauges up to date."""
    gauges.erasures_oldest.set(await _oldest(wired))


async def _oldest(wired: Wired) -> float:
    found = await wired.database.fetchrow(_OLDEST)
    return float((found and found["age"]) or 0)
