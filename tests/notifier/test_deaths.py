"""A worker that dies at any point of a message's way loses nothing and doubles nothing; the long form is a program."""

from pathlib import Path

import pytest

from tests.kit import Databases
from tests.notifier.deaths import CELLS, staged, trial


@pytest.mark.parametrize(("point", "kind"), [cell for cell in CELLS if cell[1] in ("link", "code, backup")])
async def test_death_loses_nothing_and_doubles_nothing(
    databases: Databases, keys: Path, tmp_path: Path, point: str, kind: str
) -> None:
    async with staged(databases, keys, tmp_path / "log", kind) as stage:
        toll = await trial(stage, point, kills=1)

    assert (stage.kills, toll.wrong) == (1, [])
    assert sum(toll.statuses.values()) == 2
