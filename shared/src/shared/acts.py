"""Running the act of one command with a service's doors open; what cannot go on is one line and exit 2."""

import time
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any, TypeVar

import asyncpg
import typer
import uvloop
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from shared import failpoints, logging
from shared.complaints import CannotGoOn, complaints
from shared.database import Schema
from shared.keys import KeyMissing
from shared.service import Kernel, Service
from shared.settings import HttpSettings, ServiceSettings, load, variable

PLAIN_LINE_SECONDS = 2.0
R = TypeVar("R")
By = Annotated[str, typer.Option(help="who does it; kept")]
Reason = Annotated[str, typer.Option(help="why; kept")]

out = Console(markup=False, highlight=False)


def shown(stored: str) -> Text:
    """What a stranger may have written, without markup and without the terminal's control sequences."""
    return Text("".join(letter if letter.isprintable() else "\ufffd" for letter in stored))


def tell_rows(names: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table on a terminal, its first column never cut; lines of cells with tabs between them for a pipe."""
    if not out.is_terminal:
        for row in (names, *rows):
            typer.echo("\t".join(shown(str(cell)).plain for cell in row))
        return
    table = Table()
    for name in names:
        table.add_column(name, no_wrap=name == names[0], overflow="fold")
    for row in rows:
        table.add_row(*(shown(str(cell)) for cell in row))
    out.print(table)


@contextmanager
def keys_named(settings: HttpSettings) -> Iterator[None]:
    """A key that is missing is told with the setting that names its file."""
    try:
        yield
    except KeyMissing as problem:
        files = {name: str(getattr(settings, name)) for name in ("public_keys_file", "private_keys_file")}
        named = [variable(type(settings), name) for name, file in files.items() if str(problem).startswith(file)]
        told = f"{', '.join(named)}: {problem}" if named else str(problem)
        raise CannotGoOn(f"{told}. `make keys` makes a set of keys.") from None


async def require_database(settings: ServiceSettings) -> None:
    """`CannotGoOn` where the database cannot be had. Only this question is asked so that a command's own failure, which
    may look alike, is not taken for it."""
    try:
        await (await asyncpg.connect(settings.database_url.get_secret_value(), timeout=5)).close()
    except (OSError, TimeoutError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError) as problem:
        why = str(problem).partition("\n")[0] or "no answer in time"
        raise CannotGoOn(
            f"{variable(type(settings), 'database_url')}: the database cannot be reached ({why})."
            " Start it, or name another one there."
        ) from None


async def _require_schema(service: Service, kernel: Kernel) -> None:
    async with kernel.database.transaction() as session:
        if not await Schema.of(service.package).suits(session):
            name = kernel.settings.service
            raise CannotGoOn(f"The database's schema is older than this program: run `{name} migrate` first.")


def act(
    service: Service,
    do: Callable[[Kernel, Any], Coroutine[Any, Any, R]],
    change: Callable[[Any], ServiceSettings] = lambda settings: settings,
) -> R:
    """Run one command's act with the service's doors open, on its settings as `change` makes them."""
    settings = change(load(service.settings))
    logging.configure(settings.service, "WARNING")
    failpoints.arm(settings.fail_points)

    async def open_and_do() -> R:
        await require_database(settings)
        async with service.opened(settings) as (kernel, wired):
            await _require_schema(service, kernel)
            return await do(kernel, wired)

    with complaints(), keys_named(settings):
        return uvloop.run(open_and_do())


@contextmanager
def progress(name: str) -> Iterator[Callable[[int, int], None]]:
    """Gives `moved(count, of_how_many)`: a bar on a terminal, else a plain line every two seconds."""
    console, done, told = Console(stderr=True), 0, time.monotonic()
    if console.is_terminal:
        columns = (TextColumn(name), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=console) as bar:
            task = bar.add_task(name, total=None)
            yield lambda count, total: bar.update(task, advance=count, total=total)
        return

    def line(count: int, total: int) -> None:
        nonlocal done, told
        done += count
        if time.monotonic() - told >= PLAIN_LINE_SECONDS:
            told = time.monotonic()
            typer.echo(f"{name}: {done:,} of {total:,}", err=True)

    yield line
