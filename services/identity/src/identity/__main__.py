"""The program `identity`: the kernel's commands and `import-legacy`."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
import uvloop
from rich.console import Console

from identity.importing import Imported, import_legacy
from identity.main import service
from identity.settings import IdentitySettings
from shared import logging
from shared.importing import exit_codes, unhurried
from shared.program import program
from shared.settings import load

app = program(service)


@app.command(name="import-legacy")
def import_legacy_(
    file: Annotated[Path, typer.Argument(help="legacy_users.csv of the old portal")],
    as_of: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="the day that the file tells of; default: today")
    ] = None,
    accept_rejects: Annotated[bool, typer.Option(help="apply the good rows also where more than 1 % are bad")] = False,
) -> None:
    """Read the old portal's users. Safe to run again; bad rows go to <file>.rejected.csv."""
    settings = unhurried(load(IdentitySettings))
    logging.configure(settings.service, "WARNING")

    async def run() -> Imported:
        async with service.opened(settings) as (kernel, _wired):
            return await import_legacy(
                kernel.database,
                kernel.private_keys,
                file,
                digits=settings.account_number_digits,
                countries=settings.countries,
                as_of=(as_of or datetime.now(UTC)).date(),
                accept_rejects=accept_rejects,
            )

    with exit_codes():
        done = uvloop.run(run())
        told = [f"{done.new:,} new", f"{done.renewed:,} renewed", f"{done.kept:,} kept from a newer file"]
        told.append(f"{done.moved:,} moved already")
        if done.file.rejects:
            told.append(f"{done.file.bad:,} bad rows and {done.file.noted:,} notes in {done.file.rejects}")
        Console().print(f"{file.name}: {', '.join(told)}", highlight=False, soft_wrap=True)


def run() -> None:
    app()


if __name__ == "__main__":
    run()
