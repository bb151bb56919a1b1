"""`make chaos`: faults of every kind against real servers on loopback; one table, and exit 1 if a row is broken."""

import argparse
import asyncio
import signal
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

from tests.chaos import brokers, crashes, databases, groups, poison, relays, whole
from tests.chaos.arena import Arena, Scenario, Scenarios
from tests.chaos.history import History, judge
from tests.chaos.table import Row, printed

SCENARIOS: Scenarios = [
    *crashes.SCENARIOS,
    *brokers.SCENARIOS,
    *databases.SCENARIOS,
    *relays.SCENARIOS,
    *groups.SCENARIOS,
    *poison.SCENARIOS,
    *whole.SCENARIOS,
]
BOUND_SECONDS = 3600.0
"""A scenario that takes longer is broken."""


async def run(scenarios: Scenarios, times: int, kept: Path | None) -> list[Row]:
    rows: list[Row] = []
    async with Arena.opened(say, kept) as arena:
        for name, scenario in scenarios:
            begun = time.monotonic()
            say(f"{name} …")
            found = await _row(name, scenario, arena, times)
            rows += found
            word = "holds" if all(row.holds for row in found) else "BROKEN"
            say(f"{name}: {word} ({time.monotonic() - begun:.0f} s)")
    return rows


async def _row(name: str, scenario: Scenario, arena: Arena, times: int) -> Sequence[Row]:
    """One that cannot be carried through is a row too, which does not hold; the others go on."""
    try:
        found = await asyncio.wait_for(scenario(arena, times), BOUND_SECONDS)
    except Exception as problem:
        traceback.print_exc()
        return [Row(name, times, judge(History(), ()), broken=[f"{type(problem).__name__}: {problem}"])]
    return [found] if isinstance(found, Row) else found


def say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')}  {line}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--times", type=int, default=30, help="trials of each kind (30); 3 is the short form")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="scenarios whose names begin so")
    parser.add_argument("--list", action="store_true", help="the scenarios' names")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="a new folder for data and logs, which stays")
    wanted = parser.parse_args()
    chosen = [one for one in SCENARIOS if not wanted.only or one[0].startswith(tuple(wanted.only))]
    if wanted.list:
        print("\n".join(name for name, _ in chosen))
        return 0
    if not chosen or wanted.times < 1:
        parser.error("nothing to do: see --list")
    begun = time.monotonic()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends what it has started, as Ctrl-C does
    try:
        rows = asyncio.run(run(chosen, wanted.times, wanted.keep))
    except KeyboardInterrupt:
        print("stopped; nothing is left behind", file=sys.stderr)
        return 130
    print(f"\n{printed(rows)}\n\n{len(rows)} rows in {(time.monotonic() - begun) / 60:.1f} min")
    return 0 if all(row.holds for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
