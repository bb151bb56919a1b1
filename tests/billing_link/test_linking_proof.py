"""The figures and the plot of docs/linking-proof.md are those that the code gives."""

from pathlib import Path

from .guessing_figures import curves, svg, table

DOCUMENT = Path(__file__).parents[2] / "docs" / "linking-proof.md"


def test_document_shows_what_the_guesser_wins() -> None:
    drawn = curves()

    assert table(drawn) in DOCUMENT.read_text(encoding="utf-8"), f"make both anew, as {DOCUMENT.name} says"
    assert svg(drawn) == DOCUMENT.with_suffix(".svg").read_text(encoding="utf-8")
    assert all(won <= bound for curve in drawn for won, bound in zip(curve.won, curve.bound, strict=True))
