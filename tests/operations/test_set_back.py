"""A database set back to an earlier moment, by the commands of the page postgres-restored, on the real servers."""

from pathlib import Path

import httpx2

from deploy.embedded.launcher import EmbeddedSet
from tests.operations import setting_back


async def test_nothing_that_was_taken_from_somebody_is_back_when_identity_is_set_back(
    kabinet: EmbeddedSet, http: httpx2.AsyncClient, tmp_path: Path
) -> None:
    await setting_back.identity_is_set_back(kabinet, http, tmp_path)
