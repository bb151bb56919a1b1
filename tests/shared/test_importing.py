"""Imports: good rows staged in one transaction, bad ones beside the file."""

import asyncio
import csv
import os
import stat
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import ClassVar

import pytest
from pydantic import SecretStr
from sqlalchemy import text
from uuid_utils.compat import uuid7

from shared import importing
from shared.database import Database
from shared.importing import (
    BadRow,
    Cells,
    ImportRefused,
    Noted,
    Shape,
    TooManyRejects,
    count,
    exit_codes,
    refuse_bad_files,
    stage,
    unhurried,
)
from shared.keys import PublicKeys
from shared.settings import ServiceSettings
from tests.kit import Databases


class ImporterSettings(ServiceSettings):
    service: ClassVar[str] = "importer"

    http_port: int = 8009


def metering(cells: Cells) -> Sequence[object] | Noted:
    if not cells["reading"].isdecimal():
        raise BadRow("the reading is no number")
    values = (cells["meter"], int(cells["reading"]), cells["remark"] or None)
    return Noted(values, ["without its remark"]) if cells["remark"] == "?" else values


READINGS = Shape(
    required=("meter", "reading"),
    optional=("remark",),
    staged={"meter": "text", "reading": "bigint", "remark": "text"},
    convert=metering,
)


@pytest.fixture
async def database(databases: Databases, keys: Path) -> AsyncIterator[Database]:
    url = await databases.empty(f"test_importer_{uuid7().hex}")
    settings = ImporterSettings(
        database_url=SecretStr(url),
        kafka_bootstrap_servers="",
        public_keys_file=keys / "public.jwks.json",
        private_keys_file=keys / "identity.private.jwks.json",
    )
    made = Database(unhurried(settings), PublicKeys(settings.public_keys_file))
    async with made.transaction() as session:
        await session.execute(text("CREATE TABLE readings (meter text PRIMARY KEY, reading bigint, remark text)"))
    yield made
    await made.close()
    await databases.drop(url)


async def run(database: Database, path: Path, shape: Shape = READINGS, *, accept_rejects: bool = False) -> None:
    async with database.transaction() as session:
        file = await stage(session, path, shape, table="staged_readings")
        refuse_bad_files([file], accept_rejects=accept_rejects)
        await session.execute(
            text(
                "INSERT INTO readings SELECT DISTINCT ON (meter) meter, reading, remark FROM staged_readings"
                " ORDER BY meter, line_number DESC ON CONFLICT (meter) DO UPDATE SET reading = excluded.reading"
            )
        )


async def readings(database: Database) -> dict[str, int]:
    async with database.transaction() as session:
        rows = await session.execute(text("SELECT meter, reading FROM readings"))
        return {row.meter: row.reading for row in rows}


def written(tmp_path: Path, content: str, encoding: str = "utf-8") -> Path:
    path = tmp_path / "readings.csv"
    path.write_bytes(content.encode(encoding))
    return path


def rejected(path: Path, encoding: str = "utf-8", delimiter: str = ",") -> list[list[str]]:
    with path.with_name(path.name + ".rejected.csv").open(encoding=encoding, newline="") as stream:
        return list(csv.reader(stream, delimiter=delimiter))


async def test_good_rows_go_in_and_the_last_of_a_key_counts(database: Database, tmp_path: Path) -> None:
    path = written(tmp_path, "remark;meter;reading\nx; a ;1\n;b;2\n;a;3\n")

    await run(database, path)

    assert await readings(database) == {"a": 3, "b": 2}
    assert not path.with_name("readings.csv.rejected.csv").exists()


async def test_an_optional_column_may_be_absent(database: Database, tmp_path: Path) -> None:
    await run(database, written(tmp_path, "meter,reading\na,1\n"))

    assert await readings(database) == {"a": 1}


async def test_bad_rows_go_beside_the_file_with_line_and_reason(database: Database, tmp_path: Path) -> None:
    good = "".join(f"m{n};{n}\r\n" for n in range(300))
    path = written(tmp_path, f"meter;reading\r\n{good}счётчик;1e3\r\nb\r\n", "cp1251")

    await run(database, path)

    assert len(await readings(database)) == 300
    assert rejected(path, "cp1251", ";") == [
        ["line_number", "reason", "meter", "reading"],
        ["302", "the reading is no number", "счётчик", "1e3"],
        ["303", "1 columns instead of 2", "b"],
    ]
    assert stat.S_IMODE(path.with_name("readings.csv.rejected.csv").stat().st_mode) == 0o600


async def test_more_than_one_percent_of_bad_rows_applies_nothing(database: Database, tmp_path: Path) -> None:
    path = written(tmp_path, "meter,reading\n" + "".join(f"m{n},1\n" for n in range(98)) + "a,x\n")

    with pytest.raises(TooManyRejects, match="1 of 99 rows bad"):
        await run(database, path)

    assert await readings(database) == {}
    assert len(rejected(path)) == 2

    await run(database, path, accept_rejects=True)

    assert len(await readings(database)) == 98


async def test_one_percent_exactly_is_taken(database: Database, tmp_path: Path) -> None:
    await run(database, written(tmp_path, "meter,reading\n" + "".join(f"m{n},1\n" for n in range(99)) + "a,x\n"))

    assert len(await readings(database)) == 99


async def test_a_row_that_loses_something_is_noted_and_not_counted_as_bad(database: Database, tmp_path: Path) -> None:
    path = written(tmp_path, "meter,reading,remark\na,1,?\n")

    await run(database, path)

    assert await readings(database) == {"a": 1}
    assert rejected(path)[1:] == [["2", "taken, but without its remark", "a", "1", "?"]]


async def test_a_second_run_ends_in_the_same_state_and_clears_old_rejects(database: Database, tmp_path: Path) -> None:
    await run(database, written(tmp_path, "meter,reading\na,1\nb,x\n"), accept_rejects=True)
    path = written(tmp_path, "meter,reading\na,1\nb,2\n")

    await run(database, path)
    await run(database, path)

    assert await readings(database) == {"a": 1, "b": 2}
    assert not path.with_name("readings.csv.rejected.csv").exists()


async def test_an_interrupted_import_has_applied_nothing_and_runs_again(database: Database, tmp_path: Path) -> None:
    path = written(tmp_path, "meter,reading\n" + "".join(f"m{n},1\n" for n in range(5_000)) + "z,x\n")
    reached = asyncio.Event()

    def stopping(cells: Cells) -> Sequence[object] | Noted:
        if cells["meter"] == "m4500":
            reached.set()
        return metering(cells)

    shape = Shape(READINGS.required, READINGS.staged, stopping, READINGS.optional)
    importing = asyncio.create_task(run(database, path, shape))
    await reached.wait()
    importing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await importing

    assert await readings(database) == {}
    assert os.listdir(tmp_path) == ["readings.csv"]

    await run(database, path)

    assert len(await readings(database)) == 5_000


async def test_secret_columns_stay_out_of_the_rejects(database: Database, tmp_path: Path) -> None:
    shape = Shape(READINGS.required, READINGS.staged, metering, READINGS.optional, secret=("meter",))
    path = written(tmp_path, "meter,reading\nhunter2,x\nhunter2,1,2\n")

    await run(database, path, shape, accept_rejects=True)

    assert "hunter2" not in path.with_name("readings.csv.rejected.csv").read_text()
    assert rejected(path)[1:] == [
        ["2", "the reading is no number", "(secret)", "x"],
        ["3", "3 columns instead of 2"],
    ]


async def test_a_rejected_cell_is_no_formula_for_a_spreadsheet(database: Database, tmp_path: Path) -> None:
    path = written(tmp_path, 'meter,reading\n"=HYPERLINK(1)",x\n@a,x\n-2+3+cmd,x\n+7 912 345-67-89,-5\n')

    await run(database, path, accept_rejects=True)

    assert [row[2:] for row in rejected(path)[1:]] == [
        ["'=HYPERLINK(1)", "x"],
        ["'@a", "x"],
        ["'-2+3+cmd", "x"],
        ["+7 912 345-67-89", "-5"],
    ]


async def test_broken_bytes_come_back_as_they_were(database: Database, tmp_path: Path) -> None:
    path = tmp_path / "readings.csv"
    path.write_bytes("meter,reading\nä,1\n".encode() + b"\xff,2\n")

    await run(database, path, accept_rejects=True)

    assert await readings(database) == {"ä": 1}
    assert b"\xff,2" in path.with_name("readings.csv.rejected.csv").read_bytes()


async def test_a_file_that_cannot_be_read_is_refused_before_anything(database: Database, tmp_path: Path) -> None:
    with pytest.raises(ImportRefused, match="no column reading"):
        await run(database, written(tmp_path, "meter;value\na;1\n"))


@pytest.mark.parametrize(("refused", "code"), [(ImportRefused("no column x"), 1), (TooManyRejects("2 of 3"), 3)])
def test_the_program_prints_a_refusal_and_exits_with_its_code(
    capsys: pytest.CaptureFixture[str], refused: ImportRefused, code: int
) -> None:
    with pytest.raises(SystemExit) as exited, exit_codes():
        raise refused

    assert exited.value.code == code
    assert capsys.readouterr().err == f"{refused}\n"


async def test_small_file_is_read_without_a_word(
    database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await run(database, written(tmp_path, "meter,reading\na,1\nb,2\n"))

    assert capsys.readouterr().err == ""


async def test_progress_is_told_in_plain_lines_where_it_takes_long_and_no_terminal_is(
    database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "_PLAIN_LINE_SECONDS", 0.0)

    await run(database, written(tmp_path, "meter,reading\na,1\nb,2\n"))

    lines = capsys.readouterr().err.splitlines()
    assert lines[-2].startswith("readings.csv: 100%, 2 rows, ")
    assert lines[-1] == "readings.csv: read to the end; its good rows are applied next"


def test_counts_have_their_plural() -> None:
    assert [count(number, "row") for number in (0, 1, 2, 12000)] == ["0 rows", "1 row", "2 rows", "12,000 rows"]
