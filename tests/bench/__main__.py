"""`make bench`: speed, as ratios to the bare limits of the same machine; exits 1 where a target is missed."""

from typing import Annotated

import typer
import uvloop

from shared import logging
from tests.bench import events, importing, linking, pages, people, silence
from tests.bench.servers import opened
from tests.bench.table import Table

PARTS = {
    "events": events.events,
    "people": people.people,
    "silence": silence.silence,
    "importing": importing.importing,
    "linking": linking.linking,
    "pages": pages.pages,
}


def main(parts: Annotated[list[str] | None, typer.Argument(help=f"of {', '.join(PARTS)}; all without")] = None) -> None:
    """Each part measures ours beside the bare limit, in turns, and prints the medians."""
    if unknown := set(parts or ()) - set(PARTS):
        raise typer.BadParameter(f"there is no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    raise typer.Exit(0 if uvloop.run(_run(parts or list(PARTS))) else 1)


async def _run(parts: list[str]) -> bool:
    logging.configure("bench", "ERROR")
    table = Table()
    async with opened() as bench:
        for part in parts:
            await PARTS[part](bench, table)
    return table.show()


if __name__ == "__main__":
    typer.run(main)
