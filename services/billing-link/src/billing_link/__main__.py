"""The program `billing-link`: the kernel's commands and `import`, `guess-bound`, `restate`, `catch-up`, `links …`."""

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from billing_link import guessing
from billing_link.catching_up import CaughtUp, catch_up
from billing_link.guessing import Told
from billing_link.importing import Files, Imported, import_billing
from billing_link.links_program import links
from billing_link.main import service
from billing_link.restating import restate
from billing_link.wired import Wired
from shared.acts import out, progress
from shared.importing import count, exit_codes, unhurried
from shared.outbox_program import Since, kept_since
from shared.program import act, program
from shared.said import said_since
from shared.service import Kernel

app = program(service, "Links people to accounts by the number and a recent payment, and lists who holds what.")


app.add_typer(links, name="links")


@app.command(name="import")
def import_(
    accounts: Annotated[Path | None, typer.Option(help="accounts.csv of the billing system")] = None,
    payments: Annotated[Path | None, typer.Option(help="payments.csv of the billing system")] = None,
    as_of: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="the day that the files tell of; default: today")
    ] = None,
    accept_rejects: Annotated[bool, typer.Option(help="apply the good rows also where more than 1 % are bad")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="only say what would change, and write the bad rows")
    ] = False,
) -> None:
    """Read the billing system's exports. Safe to run again; bad rows go to <file>.rejected.csv."""
    if accounts is None and payments is None:
        raise typer.BadParameter("name at least one file: --accounts FILE, --payments FILE")
    files = Files(accounts, payments, None if as_of is None else as_of.date())

    async def take(kernel: Kernel, wired: Wired) -> tuple[Imported, Told | None]:
        done = await import_billing(kernel.database, files, wired.zone, accept_rejects=accept_rejects, dry_run=dry_run)
        return done, None if dry_run else await _bound(kernel, wired)

    with exit_codes():
        done, told = act(service, take, unhurried)
    for one in done.files:
        bad = f", {count(one.file.bad, 'bad row')} in {one.file.rejects}" if one.file.bad else ""
        changes = f"{one.new:,} new, {one.changed:,} changed"
        _tell(f"{one.file.path.name}: {count(one.file.good, 'row')} taken, {changes}{bad}")
    if done.links_ended:
        _tell(f"{count(done.links_ended, 'link')} of earlier contracts {'would end' if dry_run else 'ended'}")
    if told is None:
        _tell("Nothing was applied: this was a dry run.")
    else:
        _tell_bound(told)


@app.command(name="guess-bound")
def guess_bound_() -> None:
    """Compute what guessing amounts can win with the payments of today. Exit 1: it is above the alarm's setting."""
    told = act(service, _bound, unhurried)
    _tell_bound(told)
    raise typer.Exit(int(told.alarm))


@app.command(name="restate")
def restate_() -> None:
    """State every link as it is now, for a reader that starts or was restored; nothing is sent because of it."""

    async def do(kernel: Kernel, _wired: Any) -> int:
        with progress("links") as moved:
            return await restate(kernel.database, moved)

    _tell(f"stated: {act(service, do)}")


@app.command(name="catch-up")
def catch_up_(since: Since) -> None:
    """Make good, by what the topic still tells, what a database forgot that was set back to this moment: links that
    ended and links that were made. While neither api nor worker runs."""

    async def do(kernel: Kernel, _wired: Any) -> CaughtUp:
        begin = await kept_since(service, kernel, since, "catch-up")
        said = said_since(kernel.database, kernel.broker, begin)
        return await catch_up(said, kernel.database, kernel.settings)

    done = act(service, do)
    _tell(f"linked again: {done.linked}")
    _tell(f"ended again: {done.ended}")


async def _bound(kernel: Kernel, wired: Wired) -> Told:
    async with kernel.database.transaction() as session:
        return await guessing.compute(session, wired.settings)


def _tell_bound(told: Told) -> None:
    for line in guessing.lines(told):
        _tell(line)


def _tell(line: str) -> None:
    out.print(line, soft_wrap=True)


def run() -> None:
    app()


if __name__ == "__main__":
    run()
