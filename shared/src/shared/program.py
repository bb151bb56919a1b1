"""The program of a service: `api`, `worker`, `serve`, `migrate`, `dead-letters …`, `outbox resend`."""

from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar
from uuid import UUID

import asyncpg
import typer
import uvloop
from rich.console import Console
from rich.table import Table
from rich.text import Text
from sqlalchemy import text

from shared import dead_letters, failpoints, logging, outbox, serving, worker
from shared.complaints import CannotGoOn, complaints
from shared.database import Schema
from shared.inbox import hearing
from shared.keys import KeyMissing
from shared.service import Kernel, Service
from shared.settings import HttpSettings, ServiceSettings, load, variable

R = TypeVar("R")

_out = Console(markup=False, highlight=False)


def program(service: Service, about: str) -> typer.Typer:
    """The commands that every service has; a service adds its own to the result. `about` is one sentence for --help."""
    app = typer.Typer(help=about, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)

    @app.command()
    def api() -> None:
        """Answer HTTP; events are sent and heard by a separate worker."""
        _run(service, http=True, work=False)

    @app.command(name="worker")
    def worker_() -> None:
        """Send the outbox and hear the other services; health and metrics on the worker's port."""
        _run(service, http=False, work=True)

    @app.command()
    def serve() -> None:
        """Both in one process."""
        _run(service, http=True, work=True)

    @app.command(name="migrate")
    def migrate_(
        revision: Annotated[str, typer.Argument(help="a revision; base: back to an empty database")] = "heads",
    ) -> None:
        """Bring the database's schema to this release."""
        # alembic is what no other command needs
        from alembic.util import CommandError

        from shared.migrating import migrate

        settings = load(service.settings)
        with complaints():
            uvloop.run(_require_database(settings))
            try:
                migrate(service.package, settings.database_url.get_secret_value(), revision)
            except CommandError as problem:
                raise CannotGoOn(f"migrate {revision}: {problem}") from None
        _out.print(f"{settings.service}: schema at {revision}")

    app.add_typer(_dead_letters(service), name="dead-letters")
    app.add_typer(_outbox(service), name="outbox")
    return app


def _run(service: Service, *, http: bool, work: bool) -> None:
    settings = load(service.settings)
    serving.observe(settings)
    with complaints(), _keys_named(settings):
        uvloop.run(worker.run(service, settings, http=http, work=work))


@contextmanager
def _keys_named(settings: HttpSettings) -> Iterator[None]:
    """A key that is missing is told with the setting that names its file."""
    try:
        yield
    except KeyMissing as problem:
        files = {name: str(getattr(settings, name)) for name in ("public_keys_file", "private_keys_file")}
        named = [variable(type(settings), name) for name, file in files.items() if str(problem).startswith(file)]
        told = f"{', '.join(named)}: {problem}" if named else str(problem)
        raise CannotGoOn(f"{told}. `make keys` makes a set of keys.") from None


async def _require_database(settings: ServiceSettings) -> None:
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
        there = await session.scalar(text("SELECT to_regclass('alembic_version')"))
        if there is None or not await Schema.of(service.package).suits(session):
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
        await _require_database(settings)
        async with service.opened(settings) as (kernel, wired):
            await _require_schema(service, kernel)
            return await do(kernel, wired)

    with complaints(), _keys_named(settings):
        return uvloop.run(open_and_do())


def _dead_letters(service: Service) -> typer.Typer:
    app = typer.Typer(
        no_args_is_help=True,
        help="Records that could not be handled, and what waits behind them.",
    )
    heard = hearing(service.heard)

    @app.command(name="list")
    def list_(
        topic: str | None = None,
        type: str | None = None,
        key: str | None = None,
        limit: Annotated[int, typer.Option(min=1, help="at most so many")] = 100,
    ) -> None:
        """What waits, oldest first."""

        async def do(kernel: Kernel, _wired: Any) -> None:
            async with kernel.database.transaction() as session:
                rows = await dead_letters.listed(session, topic, type, key, limit)
            table = Table("id", "topic", "partition:offset", "key", "type", "parked", "cause")
            for row in rows:
                at = f"{row.partition}:{row.position}"
                cells = (str(row.id), row.topic, at, row.key, row.type, f"{row.parked_at:%Y-%m-%d %H:%M:%S}", row.cause)
                table.add_row(*map(_shown, cells))
            _out.print(table if rows else "Nothing waits.")

        act(service, do)

    @app.command()
    def show(letter_id: UUID) -> None:
        """One letter: position, headers, cause and size; its contents are not shown."""

        async def do(kernel: Kernel, _wired: Any) -> None:
            async with kernel.database.transaction() as session:
                row = await dead_letters.found(session, letter_id)
            for name in (
                "id",
                "topic",
                "partition",
                "position",
                "key",
                "type",
                "event_id",
                "cause",
                "parked_at",
            ):
                _out.print(_shown(f"{name}: {getattr(row, name)}"))
            _out.print(_shown(f"headers: {', '.join(name or '' for name, _ in row.headers)}"))
            _out.print(f"value: {len(row.value or b'')} bytes")

        _guarded(service, do)

    @app.command()
    def replay(letter_id: UUID) -> None:
        """Handle the letter now, then what waits behind it under its key, in order."""

        async def do(kernel: Kernel, wired: Any) -> None:
            ran = await dead_letters.replay(kernel.database, letter_id, heard, wired)
            _out.print(f"replayed: {ran}")

        _guarded(service, do)

    @app.command()
    def drop(
        letter_id: UUID,
        reason: Annotated[str, typer.Option(help="kept with the letter")],
    ) -> None:
        """Give the letter up, then handle what waited behind it."""

        async def do(kernel: Kernel, wired: Any) -> None:
            ran = await dead_letters.drop(kernel.database, letter_id, reason, heard, wired)
            _out.print(f"dropped: 1, replayed behind it: {ran}")

        _guarded(service, do)

    return app


def _shown(stored: str) -> Text:
    """What a stranger may have written, without markup and without the terminal's control sequences."""
    return Text("".join(letter if letter.isprintable() else "\ufffd" for letter in stored))


def _guarded(service: Service, do: Callable[[Kernel, Any], Coroutine[Any, Any, None]]) -> None:
    try:
        act(service, do)
    except dead_letters.NoSuchLetter as problem:
        typer.echo(
            f"No letter {problem} waits here; `dead-letters list` shows those that do.",
            err=True,
        )
        raise typer.Exit(1) from None
    except dead_letters.NotFirst as problem:
        typer.echo(
            f"Letter {problem} of the same key comes first: replay or drop that one.",
            err=True,
        )
        raise typer.Exit(1) from None
    except dead_letters.StillFails as problem:
        letter, cause = problem.args
        typer.echo(f"Letter {letter} fails again and stays, with what is behind it: {cause}", err=True)
        raise typer.Exit(1) from None


def _outbox(service: Service) -> typer.Typer:
    app = typer.Typer(no_args_is_help=True, help="Events on their way to Kafka.")

    @app.command()
    def resend(
        since: Annotated[datetime, typer.Option(help="UTC, e.g. 2026-11-25T08:00:00")],
    ) -> None:
        """Send again what was sent since then, for a Kafka that lost its data; readers absorb repeats."""

        async def do(kernel: Kernel, _wired: Any) -> None:
            count = await outbox.resend(kernel.database, since.replace(tzinfo=since.tzinfo or UTC))
            _out.print(f"marked to be sent again: {count}")

        act(service, do)

    return app
