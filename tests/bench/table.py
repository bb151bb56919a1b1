"""What a benchmark prints: progress while it runs, one table at the end, and whether every target was met."""

import sys
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Line:
    """One figure; with `least` or `most` it has a target."""

    what: str
    value: float
    unit: str
    least: float | None = None
    most: float | None = None

    @property
    def holds(self) -> bool:
        return (self.least is None or self.value >= self.least) and (self.most is None or self.value <= self.most)

    @property
    def target(self) -> str:
        if self.least is not None:
            return f">= {_figure(self.least)}"
        return "" if self.most is None else f"<= {_figure(self.most)}"


@dataclass
class Table:
    lines: list[Line] = field(default_factory=list)

    def progress(self, what: str, turn: int, turns: int) -> None:
        print(f"  {what}: {turn + 1} of {turns}", file=sys.stderr, flush=True)

    def add(self, line: Line) -> None:
        self.lines.append(line)
        print(self._row(line), flush=True)

    def show(self) -> bool:
        """Print all of it; True if every target was met."""
        print(f"\n{'figure':58} {'value':>12} {'unit':10} target")
        for line in self.lines:
            print(self._row(line))
        return all(line.holds for line in self.lines)

    @staticmethod
    def _row(line: Line) -> str:
        verdict = "" if not line.target else "  holds" if line.holds else "  MISSED"
        return f"{line.what:58} {_figure(line.value):>12} {line.unit:10} {line.target}{verdict}"


def _figure(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
