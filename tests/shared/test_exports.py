"""Exports as other systems write them."""

import codecs
from pathlib import Path

import pytest

from shared.exports import LONGEST_LINE, Export, ImportRefused, inspect, records

COLUMNS = ("number", "address")


def read(path: Path, raw: bytes) -> tuple[Export, list[tuple[int, list[str], str | None]]]:
    path.write_bytes(raw)
    export = inspect(path, COLUMNS)
    return export, [(record.line, list(record.cells), record.problem) for record in records(export)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1251"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_every_encoding_delimiter_and_line_end_reads_the_same(
    tmp_path: Path, encoding: str, delimiter: str, end: str
) -> None:
    lines = [f"number{delimiter}address", f"1{delimiter}ул. Ленина", f'2{delimiter}"пр. Победы, 1; кв. 2"', ""]

    export, found = read(tmp_path / "x.csv", end.join(lines).encode(encoding))

    assert (export.encoding, export.delimiter) == (encoding, delimiter)
    assert found == [(2, ["1", "ул. Ленина"], None), (3, ["2", "пр. Победы, 1; кв. 2"], None)]


def test_one_letter_cut_in_half_spoils_its_row_and_not_the_encoding(tmp_path: Path) -> None:
    raw = "number,address\n1,Тверь\n2,Курск\n3,Орёл\n".encode().replace("Курск".encode(), "Курск".encode()[:-1])

    export, found = read(tmp_path / "x.csv", raw)

    assert export.encoding == "utf-8"
    assert found[0] == (2, ["1", "Тверь"], None)
    assert (found[1][0], found[1][2]) == (3, "it holds bytes that are not utf-8")
    assert found[2] == (4, ["3", "Орёл"], None)


def test_a_byte_that_cp1251_does_not_know_spoils_its_row(tmp_path: Path) -> None:
    raw = "number,address\n1,Тверь\n".encode("cp1251") + b"2,\x98\n"

    export, found = read(tmp_path / "x.csv", raw)

    assert export.encoding == "cp1251"
    assert [problem for _, _, problem in found] == [None, "it holds bytes that are not cp1251"]


def test_the_encoding_is_found_after_the_first_megabyte(tmp_path: Path) -> None:
    raw = b"number,address\n" + b"1,Tver\n" * 300_000 + "2,Курск\n".encode("cp1251")

    export, found = read(tmp_path / "x.csv", raw)

    assert export.encoding == "cp1251"
    assert found[-1] == (300_002, ["2", "Курск"], None)


def test_a_quoted_cell_may_hold_a_line_break(tmp_path: Path) -> None:
    _, found = read(tmp_path / "x.csv", b'number,address\r\n1,"first\r\nsecond ""line"""\r\n2,b\r\n')

    assert found == [(2, ["1", 'first\nsecond "line"'], None), (4, ["2", "b"], None)]


@pytest.mark.parametrize("after", ["2,b\n3,c\n", '2,"b"\n3,c\n', "2,b\n3,c"])
def test_a_quote_that_nobody_closes_spoils_only_its_own_line(tmp_path: Path, after: str) -> None:
    _, found = read(tmp_path / "x.csv", f'number,address\n1,"a\n{after}'.encode())

    assert found == [
        (2, ['1,"a'], "its quotes are broken"),
        (3, ["2", "b"], None),
        (4, ["3", "c"], None),
    ]


def test_an_unclosed_quote_in_a_long_file_costs_one_row(tmp_path: Path) -> None:
    rows = "".join(f"{n},b\n" for n in range(5_000))

    _, found = read(tmp_path / "x.csv", f'number,address\n{rows}x,"a\n{rows}'.encode())

    assert len(found) == 10_001
    assert [line for line, _, problem in found if problem] == [5_002]


def test_rows_of_another_width_say_so_and_empty_tails_are_let_be(tmp_path: Path) -> None:
    _, found = read(tmp_path / "x.csv", b"number,address\n1\n2,b,,\n3,b,c\n\n4,d\n")

    assert found == [
        (2, ["1"], "1 columns instead of 2"),
        (3, ["2", "b"], None),
        (4, ["3", "b", "c"], "3 columns instead of 2"),
        (6, ["4", "d"], None),
    ]


def test_a_line_without_end_is_one_bad_row(tmp_path: Path) -> None:
    _, found = read(tmp_path / "x.csv", b"number,address\n1," + b"a" * (5 * LONGEST_LINE) + b"\n2,b\n")

    assert [(line, problem) for line, _, problem in found] == [(2, "the line is too long"), (3, None)]


def test_a_nul_is_one_bad_row(tmp_path: Path) -> None:
    _, found = read(tmp_path / "x.csv", b"number,address\n1,a\0\n2,b\n")

    assert [problem for _, _, problem in found] == ["it holds a NUL character", None]


def test_columns_are_found_by_name_in_any_order_and_case(tmp_path: Path) -> None:
    export, found = read(tmp_path / "x.csv", 'Address;"NUMBER";примечание;\nb;1;-;\n'.encode())

    assert export.header == ("address", "number", "примечание", "")
    assert found == [(2, ["b", "1", "-", ""], None)]


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (b"", "the file is empty"),
        (b"\n\n", "the file is empty"),
        (b"number\n1\n", "no column address"),
        (b"1,a\n2,b\n", "no column number, address"),
        (b"number,address,number\n", "the column number more than once"),
        (codecs.BOM_UTF16_LE + "number,address\n".encode("utf-16-le"), "UTF-16"),
    ],
)
def test_a_file_that_is_no_such_export_is_refused_by_name(tmp_path: Path, raw: bytes, told: str) -> None:
    with pytest.raises(ImportRefused, match=told):
        read(tmp_path / "x.csv", raw)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ImportRefused, match="No such file"):
        inspect(tmp_path / "none.csv", COLUMNS)
    with pytest.raises(ImportRefused, match="directory"):
        inspect(tmp_path, COLUMNS)
