"""One running set for the rehearsals of a file."""

from collections.abc import AsyncIterator

import httpx2
import pytest

from deploy.embedded.launcher import EmbeddedSet
from deploy.embedded.sample import Sample
from tests.operations.rehearsals import town


@pytest.fixture(scope="module")
async def lived_in(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[EmbeddedSet, Sample]]:
    async with town(tmp_path_factory.mktemp("rehearsal")) as found:
        yield found


@pytest.fixture
def kabinet(lived_in: tuple[EmbeddedSet, Sample]) -> EmbeddedSet:
    return lived_in[0]


@pytest.fixture
async def http() -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(timeout=30) as client:
        yield client
