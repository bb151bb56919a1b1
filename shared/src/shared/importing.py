"""Imports of files: good rows staged for one statement, bad rows written beside the file, all or nothing.

How a service imports (the whole of it, in the one transaction of `database.transaction()`):

    PAYMENTS = Shape(
        required=("payment_id", "account_number", "amount", "paid_on", "service"),
        optional=("reversed_on",),                      # absent in the file: its cell is ""
        staged={"payment_id": "text", "account_number": "text", "kopecks": "bigint", "paid_on": "date", ...},
        convert=payment_row,                            # cells -> values in the order of `staged`; raises BadRow("why")
    )

    database = Database(unhurried(settings), …)         # the usual time limits are for requests
    async with database.transaction() as session:
        payments = await stage(session, path, PAYMENTS, table="staged_payments")
        refuse_bad_files([payments], accept_rejects=accept_rejects)     # raises TooManyRejects: all is rolled back
        await session.execute(text("INSERT INTO payments … SELECT … FROM staged_payments … ON CONFLICT … "))

`table` is a temporary table with `line_number bigint` and the columns of `staged`; it goes with the transaction. The
same key may be staged twice: choose by `DISTINCT ON (…) … ORDER BY …, line_number DESC`. An interrupted import has
applied nothing, so it is started again from the beginning. The command wraps its run in `with exit_codes():`, which
prints a refusal and exits with 1 (the file cannot be read as such) or 3 (too many rows were bad).
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from shared.exports import Export, ImportRefused, inspect, records
from shared.rejects import Rejects
from shared.settings import ServiceSettings

__all__ = [
    "BadRow",
    "ImportRefused",
    "Noted",
    "Shape",
    "Staged",
    "TooManyRejects",
    "count",
    "exit_codes",
    "refuse_bad_files",
    "stage",
    "unhurried",
]

Cells = Mapping[str, str]
# Above this share of bad rows the file is more likely the wrong one than a careless one.
BAD_SHARE = 0.01
_ROWS_BETWEEN_LOOKS = 1_000
_PLAIN_LINE_SECONDS = 2.0

S = TypeVar("S", bound=ServiceSettings)


class BadRow(Exception):
    """This row cannot be taken; the text says why, and holds nothing of the row."""


class TooManyRejects(ImportRefused):
    """More than `BAD_SHARE` of a file's rows were bad."""

    exit_code = 3


@dataclass(frozen=True)
class Noted:
    """A row that is taken although something of it had to be dropped: said in the rejects file, not counted as bad."""

    values: Sequence[object]
    notes: Sequence[str]


@dataclass(frozen=True)
class Shape:
    """What a file must hold and what is staged of it.

    `convert` gets the cells by column name, stripped of outer spaces. Its values must fit the types of `staged`
    exactly (`bigint` within 64 bits): one that does not fails the whole import. Columns in `secret` never reach the
    rejects file; a row whose columns cannot be told apart is then written without its cells.
    """

    required: Sequence[str]
    staged: Mapping[str, str]
    convert: Callable[[Cells], Sequence[object] | Noted]
    optional: Sequence[str] = ()
    secret: Sequence[str] = ()


@dataclass
class Staged:
    """The count of one file's rows."""

    path: Path
    good: int = 0
    bad: int = 0
    noted: int = 0
    rejects: Path | None = None

    @property
    def rows(self) -> int:
        return self.good + self.bad


async def stage(session: AsyncSession, path: Path, shape: Shape, *, table: str) -> Staged:
    """COPY the good rows of `path` into the temporary `table`; bad ones and notes go to `<path>.rejected.csv`.

    Raises `ImportRefused` for a file that cannot be read as such. Shows its progress on standard error.
    """
    export = inspect(path, shape.required, shape.optional)
    driver = (await (await session.connection()).get_raw_connection()).driver_connection
    assert driver is not None
    columns = ", ".join(f"{name} {kind}" for name, kind in shape.staged.items())
    for statement in (
        "SET LOCAL idle_in_transaction_session_timeout = 0",
        f"CREATE TEMPORARY TABLE {table} (line_number bigint, {columns}) ON COMMIT DROP",
    ):
        await session.execute(text(statement))
    counted = Staged(path)
    with Rejects(export, shape.secret) as rejects, _progress(export) as show:
        await driver.copy_records_to_table(
            table,
            records=_good_rows(export, shape, counted, rejects, show),
            columns=["line_number", *shape.staged],
        )
    counted.rejects = rejects.written
    # Without figures the planner takes the table for an empty one and joins it row by row.
    await session.execute(text(f"ANALYZE {table}"))
    return counted


def refuse_bad_files(files: Sequence[Staged], *, accept_rejects: bool) -> None:
    """Raise `TooManyRejects` where more than 1 % of a file's rows were bad and they were not accepted beforehand."""
    bad = [file for file in files if file.bad > file.rows * BAD_SHARE]
    if bad and not accept_rejects:
        told = "; ".join(
            f"{file.path}: {file.bad} of {count(file.rows, 'row')} bad, see {file.rejects}" for file in bad
        )
        raise TooManyRejects(f"{told}. Nothing was applied; --accept-rejects applies the good rows.")


def count(number: int, thing: str) -> str:
    """`1 row`, `12,000 rows`."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def unhurried(settings: S) -> S:
    """The same settings for a database whose statements may take a day."""
    return settings.model_copy(update={"statement_timeout_seconds": 86_400.0})


@contextmanager
def exit_codes() -> Iterator[None]:
    """Turn a refused import into one line on standard error and its exit code."""
    try:
        yield
    except ImportRefused as refused:
        typer.echo(refused, err=True)
        raise SystemExit(refused.exit_code) from None


async def _good_rows(
    export: Export,
    shape: Shape,
    counted: Staged,
    rejects: Rejects,
    show: Callable[[int, int], None],
) -> AsyncIterator[Sequence[object]]:
    asked = (*shape.required, *shape.optional)
    places = [(name, export.header.index(name)) for name in asked if name in export.header]
    absent = dict.fromkeys(name for name in asked if name not in export.header)
    for record in records(export):
        if counted.rows % _ROWS_BETWEEN_LOOKS == 0:
            show(counted.rows, record.bytes_read)
            await asyncio.sleep(0)  # lets Ctrl-C in
        try:
            if record.problem is not None:
                raise BadRow(record.problem)
            cells = {name: record.cells[place].strip() for name, place in places}
            row = shape.convert(cells | dict.fromkeys(absent, "") if absent else cells)
        except BadRow as bad:
            counted.bad += 1
            rejects.write(record, str(bad))
            continue
        counted.good += 1
        if isinstance(row, Noted):
            counted.noted += bool(row.notes)
            if row.notes:
                rejects.write(record, "taken, but " + "; ".join(row.notes))
            row = row.values
        yield (record.line, *row)
    show(counted.rows, export.size)


@contextmanager
def _progress(export: Export) -> Iterator[Callable[[int, int], None]]:
    """Gives `show(rows, bytes_read)`: a bar on a terminal, else a plain line now and then, none for a small file."""
    name, began = export.path.name, time.monotonic()
    console = Console(stderr=True)

    def rate(rows: int) -> str:
        return f"{count(rows, 'row')}, {rows / max(time.monotonic() - began, 0.001):,.0f}/s"

    if console.is_terminal:
        columns = (
            TextColumn(name),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=console) as bar:
            task = bar.add_task(name, total=export.size, rate="")
            yield lambda rows, done: bar.update(task, completed=done, rate=rate(rows))
        return
    told = began

    def line(rows: int, done: int) -> None:
        nonlocal told
        now = time.monotonic()
        if now - told >= _PLAIN_LINE_SECONDS:
            told = now
            left = (now - began) * (export.size - done) / max(done, 1)
            typer.echo(f"{name}: {done / export.size:.0%}, {rate(rows)}, {left:.0f} s left", err=True)

    yield line
    if told > began:
        typer.echo(f"{name}: read to the end; its good rows are applied next", err=True)
