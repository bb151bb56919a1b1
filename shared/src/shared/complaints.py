"""What whoever starts a program can mend: one line that says what to do next, and exit 2."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from shared.serving import PortTaken


class CannotGoOn(Exception):
    """A command cannot do its work; the text is for the person who gave it."""


@contextmanager
def complaints() -> Iterator[None]:
    """Round every command. Anything else is a defect, and keeps its traceback."""
    try:
        yield
    except (CannotGoOn, PortTaken) as problem:
        typer.echo(str(problem), err=True)
        raise typer.Exit(2) from None
