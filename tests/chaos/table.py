"""The table at the end: one row per scenario, what was tried, what came of it, and whether it holds."""

from collections.abc import Sequence
from dataclasses import dataclass

from tests.chaos.history import Verdict

RECOVERY_SECONDS = 30.0
"""Promise 1: the bound from the last fault's end to the last effect of what was tried before it."""

HEADS = ("scenario", "N", "told ok", "unknown", "faults", "lost", "doubled", "ghosts", "disordered", "parked", "rec. s")


@dataclass(frozen=True)
class Row:
    """What one scenario came to. `broken`: what else does not hold, in words; `notes` are printed below the table."""

    scenario: str
    times: int
    verdict: Verdict
    parked: int = 0
    """Dead letters that nobody provoked."""
    notes: Sequence[str] = ()
    broken: Sequence[str] = ()
    recovery_limit: float = RECOVERY_SECONDS

    @property
    def holds(self) -> bool:
        in_time = self.verdict.recovery_seconds <= self.recovery_limit
        tried = self.verdict.told_ok > 0 and self.verdict.faults > 0  # nothing tried or nothing broken proves nothing
        return self.verdict.holds and in_time and tried and not self.parked and not self.broken

    def cells(self) -> list[str]:
        found = self.verdict
        counts = [self.times, found.told_ok, found.untold, found.faults]
        bad = [len(found.lost), len(found.doubled), len(found.ghosts), len(found.disordered), self.parked]
        return [self.scenario, *map(str, counts + bad), f"{found.recovery_seconds:.1f}", self._word()]

    def _word(self) -> str:
        return "holds" if self.holds else "BROKEN"


def printed(rows: Sequence[Row]) -> str:
    """The table, the notes, and the first ids of whatever is wrong."""
    lines = [[*HEADS, "verdict"], *(row.cells() for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    table = [
        "  ".join(
            cell.ljust(width) if number in (0, len(line) - 1) else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]
    rule = "-" * max(map(len, table))
    remarks = [f"{row.scenario}: {remark}" for row in rows for remark in (*row.notes, *map(_wrong, row.broken))]
    return "\n".join([table[0], rule, *table[1:], rule, *remarks, *_named(rows)])


def _wrong(what: str) -> str:
    return f"DOES NOT HOLD: {what}"


def _named(rows: Sequence[Row]) -> list[str]:
    kinds = ("lost", "doubled", "ghosts", "disordered")
    found = [(row.scenario, kind, getattr(row.verdict, kind)) for row in rows for kind in kinds]
    return [f"{name}: {kind}: {', '.join(ids[:5])}" for name, kind, ids in found if ids]
