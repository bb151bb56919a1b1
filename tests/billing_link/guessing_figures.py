"""Figures and plot of docs/linking-proof.md: `python -m tests.billing_link.guessing_figures docs/linking-proof.svg`.

A hundred thousand accounts of each shape, the greedy guesser against them, and the bound by the same frequencies.
"""

import random
import sys
from collections import Counter
from dataclasses import dataclass
from math import log10
from pathlib import Path

from billing_link.bounds import Amount, best_first

from .shapes import PAYMENTS, SHAPES, greedy_attack

ACCOUNTS = 100_000
TRIES = 10
REFUSED_ABOVE = 0.01
WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 760, 420, 70, 20, 235, 50
COLOURS = ("#1d70b8", "#00703c", "#d4351c", "#4c2c92")


@dataclass(frozen=True)
class Curve:
    """By tries, from one on: what the guesser won, and the bound."""

    name: str
    won: list[float]
    bound: list[float]
    linkable: float
    """The share of accounts that some amount links."""


def curves() -> list[Curve]:
    found = []
    for name, payer in SHAPES.items():
        chance = random.Random(1)
        households = [frozenset(payer(chance) for _ in range(PAYMENTS)) for _ in range(ACCOUNTS)]
        found.append(_curve(name, households, 1.0))
    usable = _without_frequent(households)
    found.append(_curve(f"the same, above {REFUSED_ABOVE:.0%} refused", usable, len(usable) / ACCOUNTS))
    return found


def _counts(households: list[frozenset[int]]) -> Counter[int]:
    return Counter(kopecks for amounts in households for kopecks in amounts)


def _without_frequent(households: list[frozenset[int]]) -> list[frozenset[int]]:
    frequent = {kopecks for kopecks, count in _counts(households).items() if count / len(households) > REFUSED_ABOVE}
    return [amounts - frequent for amounts in households if amounts - frequent]


def _curve(name: str, households: list[frozenset[int]], linkable: float) -> Curve:
    amounts = [Amount(kopecks, count) for kopecks, count in _counts(households).items()]
    bound = [best_first(amounts, len(households), tries) for tries in range(1, TRIES + 1)]
    return Curve(name, greedy_attack(households, TRIES), bound, linkable)


def table(drawn: list[Curve]) -> str:
    head = "| payments | bound, 1 try | bound, 5 tries | won by 5 tries | won / bound | accounts that can be linked |"
    lines = [head, "|---|---|---|---|---|---|"]
    for curve in drawn:
        cells = " | ".join(f"{figure:.3%}" for figure in (curve.bound[0], curve.bound[4], curve.won[4]))
        lines.append(f"| {curve.name} | {cells} | {curve.won[4] / curve.bound[4]:.2f} | {curve.linkable:.1%} |")
    return "\n".join(lines)


def svg(drawn: list[Curve]) -> str:
    """Lines for the bounds, dots for what the guesser won; chances on a logarithmic scale from 0.001 % to 100 %."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif"'
        ' font-size="13">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
    ]
    for power in range(-5, 1):
        y = _y(10.0**power)
        parts.append(f'<line x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}" stroke="#d0d0d0"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{100 * 10.0**power:g} %</text>')
    for tries in range(1, TRIES + 1):
        parts.append(f'<text x="{_x(tries):.1f}" y="{HEIGHT - BOTTOM + 20}" text-anchor="middle">{tries}</text>')
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(
        f'<text x="{middle}" y="{HEIGHT - 10}" text-anchor="middle">wrong amounts that one account bears</text>'
    )
    x = _x(5)
    parts.append(f'<line x1="{x}" y1="{TOP}" x2="{x}" y2="{HEIGHT - BOTTOM}" stroke="#505a5f" stroke-dasharray="4"/>')
    heights = _apart([_y(curve.bound[-1]) for curve in drawn])
    for curve, colour, height in zip(drawn, COLOURS, heights, strict=True):
        points = " ".join(f"{_x(n):.1f},{_y(share):.1f}" for n, share in enumerate(curve.bound, 1))
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [
            f'<circle cx="{_x(n):.1f}" cy="{_y(share):.1f}" r="3.5" fill="{colour}"/>'
            for n, share in enumerate(curve.won, 1)
        ]
        parts.append(f'<text x="{_x(TRIES) + 10:.1f}" y="{height + 4:.1f}" fill="{colour}">')
        parts.append(f"{curve.name}</text>")
    return "\n".join([*parts, "</svg>", ""])


def _apart(heights: list[float], least: float = 16) -> list[float]:
    """The same heights, those that a line of text would cover moved down."""
    moved: dict[int, float] = {}
    lowest = float("-inf")
    for place in sorted(range(len(heights)), key=lambda place: heights[place]):
        moved[place] = lowest = max(heights[place], lowest + least)
    return [moved[place] for place in range(len(heights))]


def _x(tries: int) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * (tries - 0.5) / TRIES


def _y(share: float) -> float:
    """0.00001 at the bottom, 1 at the top."""
    return TOP + (HEIGHT - TOP - BOTTOM) * (-log10(max(share, 1e-5)) / 5)


def main(path: Path) -> None:
    drawn = curves()
    path.write_text(svg(drawn), encoding="utf-8")
    sys.stdout.write(table(drawn) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
