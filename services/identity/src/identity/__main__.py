"""The program `identity`: the kernel's commands and `import-legacy`, `reencrypt-legacy`, `restate`, `catch-up`."""

from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer
from rich.console import Console

from identity.catching_up import CaughtUp, catch_up
from identity.importing import Imported, import_legacy
from identity.main import service
from identity.reencrypting import reencrypt
from identity.restating import restate
from identity.users_program import erasures, users
from identity.wired import Wired
from shared.acts import out, progress
from shared.importing import count, exit_codes, unhurried
from shared.outbox_program import Since, kept_since
from shared.program import act, program
from shared.said import said_since
from shared.service import Kernel

app = program(service, "Logins, passwords and sessions, and the people who come over from the old portal.")

app.add_typer(users, name="users")
app.add_typer(erasures, name="erasures")


@app.command(name="restate")
def restate_() -> None:
    """State every user as they are now, for a reader that starts or was restored; nothing is sent because of it."""

    async def do(kernel: Kernel, _wired: Any) -> None:
        with progress("users") as moved:
            count = await restate(kernel.database, moved)
        out.print(f"stated: {count}")

    act(service, do)


@app.command(name="catch-up")
def catch_up_(since: Since) -> None:
    """Make good, by what the topic still tells, what a database forgot that was set back to this moment: erasures,
    ended sessions, blocks, passwords. While neither api nor worker runs; restate comes afterwards."""

    async def do(kernel: Kernel, wired: Wired) -> CaughtUp:
        begin = await kept_since(service, kernel, since, "catch-up")
        return await catch_up(said_since(kernel.database, kernel.broker, begin), wired)

    done = act(service, do)
    _tell("erased again", done.erased)
    _tell("registered since and unknown here now, so erased elsewhere", done.unknown)
    _tell("without a password, as theirs was changed since", done.without_password)
    _tell("with the address or phone from before", done.set_back)
    _tell("blocked again", done.blocked)
    out.print(f"sessions ended again: {done.sessions}")


def _tell(what: str, user_ids: Collection[UUID]) -> None:
    out.print(f"{what}: {len(user_ids)}")
    for user_id in sorted(user_ids):
        out.print(f"  {user_id}")


@app.command(name="import-legacy")
def import_legacy_(
    file: Annotated[Path, typer.Argument(help="legacy_users.csv of the old portal")],
    as_of: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="the day that the file tells of; default: today")
    ] = None,
    accept_rejects: Annotated[bool, typer.Option(help="apply the good rows also where more than 1 % are bad")] = False,
) -> None:
    """Read the old portal's users. Safe to run again; bad rows go to <file>.rejected.csv."""

    async def take(kernel: Kernel, _wired: Any) -> Imported:
        return await import_legacy(
            kernel.database,
            kernel.private_keys,
            file,
            digits=kernel.settings.account_number_digits,
            countries=kernel.settings.countries,
            costs=kernel.settings.legacy_costs,
            as_of=(as_of or datetime.now(UTC)).date(),
            accept_rejects=accept_rejects,
        )

    with exit_codes():
        done = act(service, take, unhurried)
        told = [f"{done.new:,} new", f"{done.renewed:,} renewed", f"{done.kept:,} kept from a newer file"]
        told.append(f"{done.moved:,} moved already")
        if done.file.rejects:
            bad, notes = count(done.file.bad, "bad row"), count(done.file.noted, "note")
            told.append(f"{bad} and {notes} in {done.file.rejects}")
        Console().print(f"{file.name}: {', '.join(told)}", highlight=False, markup=False, soft_wrap=True)


@app.command(name="reencrypt-legacy")
def reencrypt_legacy_() -> None:
    """Encrypt the old portal's hashes anew under the newest legacy key; then an older key may leave the file."""

    async def renew(kernel: Kernel, _wired: Any) -> int:
        with progress("old hashes") as moved:
            return await reencrypt(kernel.database, kernel.private_keys, moved)

    renewed = act(service, renew, unhurried)
    out.print(f"{renewed:,} of the old hashes encrypted anew")


def run() -> None:
    app()


if __name__ == "__main__":
    run()
