"""The program `billing-link`: the kernel's commands and `import`."""

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from billing_link.importing import Files, import_billing
from billing_link.main import service
from shared.importing import Staged, count, exit_codes, unhurried
from shared.program import act, program
from shared.service import Kernel

app = program(service, "Links people to accounts by the number and a recent payment, and lists who holds what.")


@app.command(name="import")
def import_(
    accounts: Annotated[Path | None, typer.Option(help="accounts.csv of the billing system")] = None,
    payments: Annotated[Path | None, typer.Option(help="payments.csv of the billing system")] = None,
    as_of: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="the day that the files tell of; default: today")
    ] = None,
    accept_rejects: Annotated[bool, typer.Option(help="apply the good rows also where more than 1 % are bad")] = False,
) -> None:
    """Read the billing system's exports. Safe to run again; bad rows go to <file>.rejected.csv."""
    if accounts is None and payments is None:
        raise typer.BadParameter("name at least one file: --accounts FILE, --payments FILE")
    files = Files(accounts, payments, None if as_of is None else as_of.date())

    async def take(kernel: Kernel, wired: Any) -> list[Staged]:
        return await import_billing(kernel.database, files, wired.zone, accept_rejects=accept_rejects)

    with exit_codes():
        for staged in act(service, take, unhurried):
            bad = f", {count(staged.bad, 'bad row')} in {staged.rejects}" if staged.bad else ""
            told = f"{staged.path.name}: {count(staged.good, 'row')} taken{bad}"
            Console().print(told, highlight=False, markup=False, soft_wrap=True)


def run() -> None:
    app()


if __name__ == "__main__":
    run()
