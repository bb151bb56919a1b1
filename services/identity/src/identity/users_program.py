"""The commands `users …` and `erasures …`, for support."""

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from identity import catching_up, erasing, sessions, support
from identity.main import service
from identity.tables import LegacyUser, User
from identity.wired import Wired
from shared.acts import By, Reason, act, out, shown
from shared.contacts import mask_email, mask_phone
from shared.mandate import Mandate
from shared.outbox_program import in_utc
from shared.service import Kernel

Login = Annotated[str, typer.Argument(help="a login, or the old portal's account number")]

users = typer.Typer(no_args_is_help=True, help="People: what is known of them, and what support may do.")
erasures = typer.Typer(no_args_is_help=True, help="Erasures under way, and those that are complete.")


@users.command()
def show(login: Login, by: By, reason: Reason) -> None:
    """What is known of somebody; contacts are masked, and the look is kept like any act."""

    async def do(kernel: Kernel, wired: Wired) -> None:
        async with kernel.database.transaction() as session:
            found = await support.find(session, login)
            support.note(session, found.id, "show", Mandate(by, reason))
            await session.flush()
            facts = _of_old_portal(found) if isinstance(found, LegacyUser) else _of_user(found)
            going_on = await sessions.own(session, found.id, wired)
            done = await support.acts(session, found.id)
        for name, value in facts:
            _print(f"{name:<15}{_said(value)}")
        for row in going_on:
            began, seen = _said(row["created_at"]), _said(row["last_seen_at"])
            _print(f"session {row['id']} from {row['address']} began {began}, seen {seen}: {row['user_agent']}")
        for one in done:
            _print(f"{_said(one.done_at)} {one.act} by {one.done_by}: {one.reason}")

    act(service, do)


@users.command()
def block(login: Login, by: By, reason: Reason) -> None:
    """End every session, and let nobody in by this login until it is unblocked."""

    async def do(kernel: Kernel, _wired: Any) -> None:
        async with kernel.database.transaction() as session:
            user = await support.block(session, login, Mandate(by, reason))
        out.print(f"blocked: {user.id}")

    act(service, do)


@users.command()
def unblock(login: Login, by: By, reason: Reason) -> None:
    """Take a block back."""

    async def do(kernel: Kernel, _wired: Any) -> None:
        async with kernel.database.transaction() as session:
            user = await support.unblock(session, login, Mandate(by, reason))
        out.print(f"active again: {user.id}")

    act(service, do)


@users.command(name="end-sessions")
def end_sessions(login: Login, by: By, reason: Reason) -> None:
    """End every session; the next sign-in needs the password."""

    async def do(kernel: Kernel, _wired: Any) -> None:
        async with kernel.database.transaction() as session:
            count = await support.end_sessions(session, login, Mandate(by, reason))
        out.print(f"sessions ended: {count}")

    act(service, do)


@users.command(name="set-email")
def set_email(
    login: Login, email: Annotated[str, typer.Argument(help="the address that is theirs")], by: By, reason: Reason
) -> None:
    """Another address for somebody who lost theirs; a letter there must be confirmed first."""

    async def do(kernel: Kernel, wired: Wired) -> None:
        async with kernel.database.transaction() as session:
            told = await support.set_email(session, login, email, Mandate(by, reason), wired)
        out.print(told)

    act(service, do)


@users.command()
def erase(
    login: Login,
    by: By,
    reason: Reason,
    yes: Annotated[bool, typer.Option("--yes", help="do not ask")] = False,
) -> None:
    """Erase somebody, here at once and in every service within a day. There is no way back."""
    if not yes:
        typer.confirm("Erase this user for good?", abort=True)

    async def do(kernel: Kernel, wired: Wired) -> None:
        async with kernel.database.transaction() as session:
            erasure_id = await support.erase(session, login, Mandate(by, reason), wired)
        out.print("erased" if erasure_id is None else f"erased here; `identity erasures list` tells of {erasure_id}")

    act(service, do)


@erasures.command(name="list")
def list_(
    all: Annotated[bool, typer.Option("--all", help="also the complete ones")] = False,
    limit: Annotated[int, typer.Option(min=1, help="at most so many")] = 100,
) -> None:
    """Erasures, oldest first, and the services whose receipt has not come."""

    async def do(kernel: Kernel, _wired: Any) -> None:
        async with kernel.database.transaction() as session:
            rows = await erasing.listed(session, limit, only_open=not all)
        for row in rows:
            waits = f"waits for {' and '.join(row['missing'])}"
            state = f"complete {_said(row['completed_at'])}" if row["completed_at"] else waits
            _print(f"{row['id']} of user {row['user_id']} asked {_said(row['requested_at'])}, {state}")
        if not rows:
            _print("No erasure is under way." if not all else "Nobody was erased.")

    act(service, do)


@erasures.command()
def repeat(
    since: Annotated[datetime | None, typer.Option(help="those of this moment (UTC) and later")] = None,
    file: Annotated[
        Path | None, typer.Option(help="users' ids, one per line, as another service or a list has them")
    ] = None,
) -> None:
    """Say erasures once more, for a service that was set back to before them; whoever is back here is erased again."""
    if (since is None) == (file is None):
        raise typer.BadParameter("name one of: --since, --file")

    async def do(kernel: Kernel, wired: Wired) -> int:
        if file is not None:
            chosen = erasing.listed_in(file)
        else:
            assert since is not None
            async with kernel.database.transaction() as session:
                chosen = await erasing.since(session, in_utc(since))
        for user_id in chosen:
            async with kernel.database.transaction() as session:
                await catching_up.erase_again(session, user_id, wired)
        return len(chosen)

    out.print(f"said again: {act(service, do)}; `identity erasures list` tells whose receipts have not come")


def _of_user(user: User) -> list[tuple[str, object]]:
    return [
        ("id", user.id),
        ("login", user.login),
        ("status", user.status.replace("_", " ")),
        ("origin", user.origin),
        ("since", user.created_at),
        ("e-mail", mask_email(user.email) if user.email else "none"),
        ("confirmed", user.email_confirmed_at or "no"),
        ("waits for", mask_email(user.pending_email) if user.pending_email else "no other address"),
        ("letters", user.email_problem or "no problem known"),
        ("phone", mask_phone(user.phone) if user.phone else "none"),
        ("language", user.locale),
    ]


def _of_old_portal(old: LegacyUser) -> list[tuple[str, object]]:
    return [
        ("id", old.id),
        ("login", old.account_number),
        ("status", "has not come over from the old portal yet"),
        ("password as of", old.credentials_as_of),
        ("e-mail", mask_email(old.email) if old.email else "none"),
        ("phone", mask_phone(old.phone) if old.phone else "none"),
    ]


def _print(line: str) -> None:
    """One fact is one line, whatever the terminal's width, and without what a stranger's browser may have sent."""
    out.print(shown(line), soft_wrap=True)


def _said(value: object) -> str:
    return f"{value:%Y-%m-%d %H:%M:%S}" if isinstance(value, datetime) else str(value)
