"""The commands `notifications …`: list, retry."""

from typing import Annotated, Any
from uuid import UUID

import typer
from rich.table import Table
from sqlalchemy import RowMapping

from notifier import retrying
from notifier.rules import Kind, Status
from shared.acts import By, Reason, act, out, shown
from shared.mandate import Mandate
from shared.service import Kernel, Service


def notifications_program(service: Service) -> typer.Typer:
    app = typer.Typer(no_args_is_help=True, help="What was sent to people, what became of it, and sending it again.")

    @app.command(name="list")
    def list_(
        by: By,
        reason: Reason,
        user: Annotated[UUID | None, typer.Option(help="of this user")] = None,
        status: Annotated[Status | None, typer.Option(help="in this status")] = None,
        kind: Annotated[Kind | None, typer.Option(help="of this kind")] = None,
        id: Annotated[UUID | None, typer.Option(help="this one alone")] = None,
        limit: Annotated[int, typer.Option(min=1, help="at most so many")] = 50,
    ) -> None:
        """Newest first, with masked addresses and without a word of what they said. The look is kept."""

        async def do(kernel: Kernel, _wired: Any) -> list[RowMapping]:
            async with kernel.database.transaction() as session:
                wanted = retrying.Wanted(user, kind, status, id)
                return await retrying.look(session, wanted, limit, Mandate(by, reason))

        rows = act(service, do)
        out.print(_table(rows) if rows else "None.")

    @app.command()
    def retry(notification_id: UUID, by: By, reason: Reason) -> None:
        """Hand a queued one over now, or tell a notice that ended unsent again."""

        async def do(kernel: Kernel, wired: Any) -> UUID:
            async with kernel.database.transaction() as session:
                return await retrying.retry(session, notification_id, Mandate(by, reason), wired.bells)

        out.print(f"goes as {act(service, do)}")

    return app


def _table(rows: list[RowMapping]) -> Table:
    table = Table("id", "kind", "channel", "to", "status", "created", "ended", "tries", "last attempt")
    for row in rows:
        ended = f"{row['ended_at']:%Y-%m-%d %H:%M:%S}" if row["ended_at"] else ""
        cells = (str(row["id"]), row["kind"], row["channel"], row["masked_address"] or "", row["status"])
        more = (f"{row['created_at']:%Y-%m-%d %H:%M:%S}", ended, str(row["tries"]), row["last"] or "")
        table.add_row(*map(shown, cells + more))
    return table
