"""One database and one broker for two releases, and somebody who asks for accounts meanwhile."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from billing_link.main import service
from tests.kit import Databases, running
from tests.releases.asking import Requests
from tests.releases.release import ROOT, Release, release_before

LIMITS = {
    "attempts_per_account": 1_000_000,
    "attempts_per_address_day": 1_000_000,
    "attempts_per_day": 1_000_000,
}


@pytest.fixture(scope="session")
def before(tmp_path_factory: pytest.TempPathFactory) -> Release:
    return release_before(tmp_path_factory.mktemp("release"))


@pytest.fixture
async def settings(databases: Databases, keys: Path, kafka: str) -> AsyncIterator[dict[str, str]]:
    """Of every program in one test; the database is as today's `migrate` leaves it."""
    url = await databases.migrated("billing_link")
    yield {
        "BILLING_LINK_DATABASE_URL": url,
        "BILLING_LINK_DATABASE_POOL_SIZE": "5",
        "BILLING_LINK_KAFKA_BOOTSTRAP_SERVERS": kafka,
        "BILLING_LINK_PUBLIC_KEYS_FILE": str(keys / "public.jwks.json"),
        "BILLING_LINK_PRIVATE_KEYS_FILE": str(keys / "billing-link.private.jwks.json"),
        "BILLING_LINK_TOPICS_FILE": str(ROOT / "deploy/topics.yaml"),
        **{f"BILLING_LINK_{name.upper()}": str(value) for name, value in LIMITS.items()},
    }
    await databases.drop(url)


@pytest.fixture
async def requests(settings: dict[str, str], keys: Path, kafka: str) -> AsyncIterator[Requests]:
    """Asked at today's API, in this process, where no other is named."""
    async with running(service, settings["BILLING_LINK_DATABASE_URL"], keys, kafka, **LIMITS) as api:
        yield await Requests.with_accounts(api, kafka)
