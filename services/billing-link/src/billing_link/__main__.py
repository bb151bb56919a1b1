"""The program `billing-link`: the kernel's commands and `import`."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
import uvloop
from rich.console import Console

from billing_link.importing import Files, import_billing
from billing_link.main import service
from billing_link.settings import BillingLinkSettings
from shared import logging
from shared.importing import Staged, exit_codes
from shared.program import program
from shared.settings import load

DAY_SECONDS = 86400.0
app = program(service)


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
    # A file of millions of rows is no runaway statement.
    settings = load(BillingLinkSettings).model_copy(update={"statement_timeout_seconds": DAY_SECONDS})
    logging.configure(settings.service, "WARNING")
    files = Files(accounts, payments, None if as_of is None else as_of.date())

    async def run() -> list[Staged]:
        async with service.opened(settings) as (kernel, wired):
            return await import_billing(kernel.database, files, wired.zone, accept_rejects=accept_rejects)

    with exit_codes():
        for staged in uvloop.run(run()):
            bad = f", {staged.bad:,} bad rows in {staged.rejects}" if staged.bad else ""
            Console().print(f"{staged.path.name}: {staged.good:,} rows taken{bad}", highlight=False, soft_wrap=True)


def run() -> None:
    app()


if __name__ == "__main__":
    run()
