"""The commands `links …`, for support."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import typer

from billing_link import support
from billing_link.main import service
from billing_link.wired import Wired
from shared.acts import By, Reason, act, out, shown, tell_rows
from shared.mandate import Mandate
from shared.service import Kernel

Number = Annotated[str, typer.Argument(help="the account's number")]
LinkId = Annotated[UUID, typer.Argument(help="of a link, as `links list` tells it")]

links = typer.Typer(no_args_is_help=True, help="Who holds which account, and what support may do about it.")


@links.command(name="list")
def list_(
    whose: Annotated[str, typer.Argument(help="an account's number or a user's id")], by: By, reason: Reason
) -> None:
    """Every link of the account or the user, ended ones too, newest first; the look is kept like any act."""

    async def do(kernel: Kernel, _wired: Any) -> None:
        of = support.whose(whose)
        async with kernel.database.transaction() as session:
            found = await support.look(session, of, Mandate(by, reason))
            done = await support.acts(session, of)
        names = ("link", "account", "user", "origin", "linked", "ended", "why")
        rows = [
            (
                link.id,
                link.account_number,
                link.user_id,
                link.origin,
                _said(link.linked_at),
                _said(link.ended_at),
                link.end_reason or "",
            )
            for link in found
        ]
        tell_rows(names, rows)
        for one in done:
            out.print(shown(f"{_said(one.done_at)} {one.act} by {one.done_by}: {one.reason}"), soft_wrap=True)

    act(service, do)


@links.command()
def grant(
    number: Number,
    user: Annotated[UUID, typer.Argument(help="the user's id, as `identity users show` tells it")],
    by: By,
    reason: Reason,
) -> None:
    """Link the user to the account on support's word, also where the account may not be tried any more."""

    async def do(kernel: Kernel, wired: Wired) -> None:
        async with kernel.database.transaction() as session:
            made = await support.grant(session, support.number_of(number), user, Mandate(by, reason), wired.zone)
        out.print(f"linked: {made}")

    act(service, do)


@links.command()
def end(link: LinkId, by: By, reason: Reason) -> None:
    """End a link; its user is told, and may ask for the account again."""

    async def do(kernel: Kernel, _wired: Any) -> None:
        async with kernel.database.transaction() as session:
            ended = await support.end(session, link, Mandate(by, reason))
        out.print(f"ended: {ended.id}")

    act(service, do)


@links.command()
def restore(link: LinkId, by: By, reason: Reason) -> None:
    """Give back a hold that ended and should not have; an objection against it falls."""

    async def do(kernel: Kernel, wired: Wired) -> None:
        async with kernel.database.transaction() as session:
            made = await support.restore(session, link, Mandate(by, reason), wired.zone)
        out.print(f"linked again: {made}")

    act(service, do)


def _said(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment:%Y-%m-%d %H:%M:%S}"
