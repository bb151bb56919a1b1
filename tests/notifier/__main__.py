"""What is measured of the notifier at length, and its golden files: `python -m tests.notifier deaths --kills 30`."""

import asyncio
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from deploy import keys as key_files
from shared import logging
from tests import servers
from tests.kit import Databases
from tests.notifier import golden as golden_files
from tests.notifier.deaths import CELLS, KINDS, POINTS, staged, trial
from tests.notifier.overtaking import cut, measure

app = typer.Typer(no_args_is_help=True, add_completion=False)


@app.callback()
def measured() -> None:
    """Measured on servers of its own, or those that the variables of the tests name."""


@app.command()
def deaths(
    kills: Annotated[int, typer.Option(min=1, help="at each point, for each kind of message")] = 30,
    point: Annotated[str | None, typer.Option(help="this one alone")] = None,
    kind: Annotated[str | None, typer.Option(help="of message, this one alone")] = None,
) -> None:
    """Kill a worker at every point of a message's way; exit 1 where anything was lost or doubled."""
    cells = [cell for cell in CELLS if point in (None, cell[0]) and kind in (None, cell[1])]
    if not cells:
        raise typer.BadParameter(f"there are the points {', '.join(POINTS)} and the kinds {'; '.join(KINDS)}")

    async def run() -> bool:
        good = True
        with tempfile.TemporaryDirectory() as folder:
            keys = Path(folder) / "keys"
            key_files.make(keys)
            async with servers.postgres(Path(folder) / "postgres") as url:
                databases = Databases(url)
                for where, told in cells:
                    async with staged(databases, keys, Path(folder) / "log", told) as stage:
                        toll = await trial(stage, where, kills)
                    good = good and not toll.wrong
                    typer.echo(f"{where:20} {told:14} {stage.kills:3} kills  {toll} {'; '.join(toll.wrong)}")
        return good

    raise typer.Exit(0 if asyncio.run(run()) else 1)


@app.command()
def overtaking(
    notices: Annotated[int, typer.Option(min=0, help="queued before")] = 100_000,
    asked: Annotated[int, typer.Option(min=2, help="codes, and as many links")] = 200,
) -> None:
    """Time codes and links behind queued notices; exit 1 where the 99th percentile of codes is 2 s or more."""

    async def run() -> float:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            key_files.make(folder / "keys")
            logging.configure("overtaking", "ERROR")
            async with servers.postgres(folder / "postgres") as url:
                times = await measure(Databases(url), folder / "keys", folder, notices, asked)
        typer.echo(f"{notices} notices queued: {times.line}")
        return cut(times.codes, 99)

    raise typer.Exit(0 if asyncio.run(run()) < 2 else 1)


@app.command()
def golden() -> None:
    """Write every letter and SMS anew, to be read in the diff."""
    typer.echo(f"{golden_files.write()} files in {golden_files.FOLDER.name}")


if __name__ == "__main__":
    app()
