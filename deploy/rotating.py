"""Changes keys one at a time, so that nothing that the old one made is lost: add, use, and in its time remove."""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from deploy.keys import PUBLIC, PURPOSES, new_key, public_part, write

Keys = list[dict[str, Any]]


class CannotChange(Exception):
    """What was asked for makes no sense with these files; the text says why."""


def add(folder: Path, service: str, purpose: str) -> str:
    """A new key behind the others, known and not used yet; its name."""
    if purpose not in PURPOSES.get(service, ()):
        known = "; ".join(f"{name}: {', '.join(purposes)}" for name, purposes in PURPOSES.items())
        raise CannotChange(f"{service} has no key for {purpose}. There are {known}.")
    key = new_key(service, purpose)
    _change(_private(folder, service), lambda keys: [*keys, key])
    if "crv" in key:
        _change(folder / PUBLIC, lambda keys: [*keys, public_part(key)])
    return str(key["kid"])


def use(folder: Path, kid: str) -> None:
    """From now on the key is its purpose's current one."""

    def first(keys: Keys) -> Keys:
        return sorted(keys, key=lambda key: key["kid"] != kid)  # stable: the others keep their order

    for file in _files_with(folder, kid):
        _change(file, first)


def remove(folder: Path, kid: str) -> None:
    """Take the key out; `CannotChange` where it is the only one of its purpose, or the current one."""
    name = kid.rpartition("-")[0]
    files = _files_with(folder, kid)
    for file in files:
        of_purpose = [key["kid"] for key in _read(file) if key["kid"].rpartition("-")[0] == name]
        if of_purpose[0] == kid:
            raise CannotChange(f"{kid} is the current key in {file.name}: add another and use it first.")
    for file in files:
        _change(file, lambda keys: [key for key in keys if key["kid"] != kid])


def listed(folder: Path) -> list[tuple[str, str]]:
    """Each file with its keys in their order."""
    return [(file.name, key["kid"]) for file in sorted(folder.glob("*.jwks.json")) for key in _read(file)]


def _files_with(folder: Path, kid: str) -> list[Path]:
    found = [file for file in sorted(folder.glob("*.jwks.json")) if kid in [key["kid"] for key in _read(file)]]
    if not found:
        raise CannotChange(f"No file in {folder} has a key named {kid}; `list` shows those that are there.")
    return found


def _private(folder: Path, service: str) -> Path:
    return folder / f"{service}.private.jwks.json"


def _read(file: Path) -> Keys:
    try:
        keys: Keys = json.loads(file.read_text())["keys"]
    except (OSError, ValueError, KeyError, TypeError) as problem:
        raise CannotChange(f"{file} cannot be read as a JWK Set ({type(problem).__name__}).") from None
    return keys


def _change(file: Path, change: Callable[[Keys], Keys]) -> None:
    """In the place of the old file in one step, with its mode: whoever reads it sees the one or the other."""
    content, mode = {"keys": change(_read(file))}, file.stat().st_mode & 0o777
    (new := file.with_name(f"{file.name}.new")).unlink(missing_ok=True)
    write(new, content, mode)
    new.rename(file)


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="python -m deploy.rotating", description=__doc__)
    acts = made.add_subparsers(dest="act", required=True)
    for act, about in {
        "list": "the files and their keys; the first of a purpose is the current one",
        "add": "a new key, known and not used yet",
        "use": "make a key the current one",
        "remove": "take a key out, when nothing that it made is needed any more",
    }.items():
        one = acts.add_parser(act, help=about)
        one.add_argument("folder", type=Path)
        if act == "add":
            one.add_argument("service", choices=PURPOSES)
            one.add_argument("purpose")
        elif act != "list":
            one.add_argument("kid")
    return made


def main(arguments: list[str] | None = None) -> int:
    asked = parser().parse_args(arguments)
    try:
        match asked.act:
            case "add":
                print(add(asked.folder, asked.service, asked.purpose))
            case "use":
                use(asked.folder, asked.kid)
            case "remove":
                remove(asked.folder, asked.kid)
            case _:
                print("\n".join(f"{file}\t{kid}" for file, kid in listed(asked.folder)))
    except CannotChange as problem:
        print(problem, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
