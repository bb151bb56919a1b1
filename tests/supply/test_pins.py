"""The pins are the whole truth about versions: what is resolved is pinned, what is pinned is needed."""

import tomllib
from typing import Any

from deploy.supply import pins

PROJECT = """
[tool.uv]
constraint-dependencies = ["click==8.5.1", "hatchling==1.33.0", "pluggy==1.7.0"]
build-constraint-dependencies = ["hatchling==1.33.0", "pluggy==1.7.0"]
"""

LOCK = """
[[package]]
name = "click"
version = "8.5.1"
source = { registry = "somewhere" }

[[package]]
name = "hatchling"
version = "1.33.0"
source = { registry = "somewhere" }
dependencies = [{ name = "pluggy" }]

[[package]]
name = "pluggy"
version = "1.7.0"
source = { registry = "somewhere" }

[[package]]
name = "shared"
version = "0.1.0"
source = { editable = "shared" }
"""


def differences(project: str = PROJECT, lock: str = LOCK) -> list[str]:
    parsed: tuple[dict[str, Any], dict[str, Any]] = (tomllib.loads(project), tomllib.loads(lock))
    return pins.differences(*parsed)


def test_every_package_of_this_checkout_is_pinned() -> None:
    assert pins.check() == []


def test_pins_that_are_the_lock_differ_in_nothing() -> None:
    assert differences() == []


def test_package_without_a_pin_is_named() -> None:
    unpinned = PROJECT.replace('"click==8.5.1", ', "")

    assert differences(project=unpinned) == ["click is resolved to 8.5.1 and pinned to nothing"]


def test_lower_bound_is_no_pin() -> None:
    bounded = PROJECT.replace("click==8.5.1", "click>=8.5.1")

    assert differences(project=bounded) == ["click is resolved to 8.5.1 and pinned to nothing"]


def test_other_version_than_pinned_is_named() -> None:
    older = LOCK.replace('version = "8.5.1"', 'version = "8.4.0"')

    assert differences(lock=older) == ["click is resolved to 8.4.0 and pinned to 8.5.1"]


def test_package_in_two_versions_is_named_though_one_is_pinned() -> None:
    forked = LOCK + '[[package]]\nname = "click"\nversion = "8.1.0"\nsource = { registry = "somewhere" }\n'

    assert differences(lock=forked) == ["click is resolved to 8.1.0 and 8.5.1 and pinned to 8.5.1"]


def test_pin_of_nothing_is_named() -> None:
    left = PROJECT.replace('"click==8.5.1", ', '"click==8.5.1", "gone==1.0", ')

    assert differences(project=left) == ["gone is pinned and nothing needs it"]


def test_tool_of_builds_is_pinned_like_everything_else() -> None:
    start = PROJECT.index("build-constraint")
    loose = PROJECT[:start] + PROJECT[start:].replace(', "pluggy==1.7.0"', "")

    assert differences(project=loose) == [
        "pluggy is nothing in build-constraint-dependencies, and 1.7.0 among the pins"
    ]
