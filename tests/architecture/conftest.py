"""Each service that has a database and a place on the event backbone, one after another."""

from importlib import import_module

import pytest

from shared.service import Service

PACKAGES = ("identity", "verification", "billing_link", "notifier")


@pytest.fixture(params=PACKAGES)
def service(request: pytest.FixtureRequest) -> Service:
    found: Service = import_module(f"{request.param}.main").service
    return found
