"""The program `identity`: the kernel's commands and `import-legacy`."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from identity.importing import Imported, import_legacy
from identity.main import service
from shared.importing import count, exit_codes, unhurried
from shared.program import act, program
from shared.service import Kernel

app = program(service, "Logins, passwords and sessions, and the people who come over from the old portal.")


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


def run() -> None:
    app()


if __name__ == "__main__":
    run()
