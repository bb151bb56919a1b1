"""Only the jars whose hashes are committed are run."""

import hashlib
from pathlib import Path

import pytest

from deploy.embedded.jars import SUMS, WrongJar, verified


def folder_of(tmp_path: Path, jars: dict[str, bytes]) -> tuple[Path, Path]:
    home = tmp_path / "jars"
    home.mkdir()
    lines = []
    for name, content in jars.items():
        (home / name).write_bytes(content)
        lines.append(f"{hashlib.sha256(content).hexdigest()}  {name}\n")
    (sums := tmp_path / "sums").write_text("".join(lines))
    return home, sums


def test_jars_as_written_down_are_taken(tmp_path: Path) -> None:
    home, sums = folder_of(tmp_path, {"a.jar": b"a", "b.jar": b"b"})

    assert [jar.name for jar in verified(home, sums)] == ["a.jar", "b.jar"]


def test_changed_jar_is_refused_by_name(tmp_path: Path) -> None:
    home, sums = folder_of(tmp_path, {"a.jar": b"a", "b.jar": b"b"})
    (home / "b.jar").write_bytes(b"B")

    with pytest.raises(WrongJar, match=r"b\.jar is not the file.*KABINET_KAFKA"):
        verified(home, sums)


@pytest.mark.parametrize("odd", ["missing", "additional"])
def test_missing_or_additional_jar_is_refused(tmp_path: Path, odd: str) -> None:
    home, sums = folder_of(tmp_path, {"a.jar": b"a", "b.jar": b"b"})
    if odd == "missing":
        (home / "a.jar").unlink()
    else:
        (home / "c.jar").write_bytes(b"c")

    with pytest.raises(WrongJar, match=r"a\.jar" if odd == "missing" else r"c\.jar"):
        verified(home, sums)


def test_committed_list_holds_names_and_hashes_only() -> None:
    lines = [line.split() for line in SUMS.read_text().splitlines()]

    assert all(len(digest) == 64 and name.endswith(".jar") and "/" not in name for digest, name in lines)
