"""The commands `outbox …`: what could not be sent, sending again, and what a database that was set back forgot."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer
from sqlalchemy import text

from shared import outbox
from shared.acts import By, Reason, act, out, progress, tell_rows
from shared.complaints import CannotGoOn
from shared.mandate import Mandate
from shared.said import reconcile
from shared.service import Kernel, Service
from shared.worker import Rules

Since = Annotated[datetime, typer.Option(help="UTC, e.g. 2026-11-25T08:00:00")]


def outbox_program(service: Service) -> typer.Typer:
    app = typer.Typer(no_args_is_help=True, help="Events on their way to Kafka.")

    @app.command(name="list")
    def list_(limit: Annotated[int, typer.Option(min=1, help="at most so many")] = 100) -> None:
        """Events that the broker refused for ever, and how many wait behind each."""

        async def do(kernel: Kernel, _wired: Any) -> None:
            async with kernel.database.transaction() as session:
                rows = await outbox.refused(session, limit)
            if not rows:
                out.print("Nothing was refused.")
                return
            names = ("id", "topic", "key", "type", "bytes", "refused", "why", "behind it")
            when = "%Y-%m-%d %H:%M:%S"
            cells = (
                (row.id, row.topic, row.key, row.type, row.bytes, f"{row.refused_at:{when}}", row.refusal, row.behind)
                for row in rows
            )
            tell_rows(names, cells)

        act(service, do)

    @app.command()
    def release(
        row_id: Annotated[int | None, typer.Argument(help="as `outbox list` shows it")] = None,
        all: Annotated[bool, typer.Option("--all", help="every refused event")] = False,
    ) -> None:
        """Send refused events again, before what waits behind them: when the broker's limit has been raised."""
        if (row_id is None) != all:
            raise typer.BadParameter("name one id, or --all")

        async def do(kernel: Kernel, _wired: Any) -> int:
            async with kernel.database.transaction() as session:
                return await outbox.release(session, row_id)

        _tell("released", act(service, do), row_id)

    @app.command()
    def drop(
        row_id: Annotated[int, typer.Argument(help="as `outbox list` shows it")],
        reason: Reason,
        by: By,
    ) -> None:
        """Give a refused event up: nobody will hear it. What waits behind it is sent."""

        async def do(kernel: Kernel, _wired: Any) -> int:
            mandate = Mandate(by, reason)
            async with kernel.database.transaction() as session:
                return await outbox.give_up(session, row_id, mandate.reason, mandate.by)

        _tell("dropped", act(service, do), row_id)

    @app.command()
    def resend(
        since: Since,
    ) -> None:
        """Send again what was sent since then, for a Kafka that lost its data; readers absorb repeats."""

        async def do(kernel: Kernel, _wired: Any) -> None:
            begin = await kept_since(service, kernel, since, "outbox resend")
            with progress("events") as moved:
                count = await outbox.resend(kernel.database, begin, moved)
            out.print(f"marked to be sent again: {count}")

        act(service, do)

    @app.command(name="reconcile")
    def reconcile_(since: Since) -> None:
        """Mark as sent what the topic has already, where the database was set back to an earlier moment: nothing that
        was unsent then is said twice. While the worker is stopped."""

        async def do(kernel: Kernel, _wired: Any) -> None:
            begin = await kept_since(service, kernel, since, "outbox reconcile")
            count, forgotten = await reconcile(kernel.database, kernel.broker, begin)
            out.print(f"said since then: {count}, of which this database does not know {forgotten}")

        act(service, do)

    return app


async def kept_since(service: Service, kernel: Kernel, since: datetime, command: str) -> datetime:
    """The moment, in UTC; `CannotGoOn` where the outbox may have lost events of then: what it does not know of the
    time before would be taken for something that it forgot."""
    begin, days = in_utc(since), Rules.of(service, kernel.settings).retention.outbox_retention_days
    async with kernel.database.transaction() as session:
        now: datetime = (await session.execute(text("SELECT now()"))).scalar_one()
    if begin < (earliest := now - timedelta(days=days)):
        told = f"{earliest.astimezone(UTC) + timedelta(minutes=1):%Y-%m-%dT%H:%M:00}"
        raise CannotGoOn(f"Older events are not kept ({days} d): the earliest is `{command} --since {told}`.")
    return begin


def in_utc(moment: datetime) -> datetime:
    """A time without a zone is one in UTC."""
    return moment.replace(tzinfo=moment.tzinfo or UTC)


def _tell(what: str, count: int, row_id: int | None) -> None:
    if row_id is not None and count == 0:
        typer.echo(f"No event {row_id} was refused; `outbox list` shows those that were.", err=True)
        raise typer.Exit(1)
    out.print(f"{what}: {count}")
