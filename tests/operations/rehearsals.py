"""What lasts, each on a running set of its own; what does not hold is an AssertionError."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx2

from deploy.embedded import sample
from deploy.embedded.launcher import EmbeddedSet
from deploy.embedded.sample import Sample
from tests.operations import changing_keys, setting_back
from tests.operations.people import OVERRIDES

SERVICES = ("identity", "verification", "billing-link", "notifier")


@asynccontextmanager
async def town(folder: Path) -> AsyncIterator[tuple[EmbeddedSet, Sample]]:
    """The four services on the real servers, with billing's facts and the old portal's people."""
    made = sample.make(folder / "sample", datetime.now(ZoneInfo("Europe/Moscow")).date())
    async with EmbeddedSet(folder / "set", free_ports=True, services=SERVICES, overrides=OVERRIDES) as kabinet:
        await kabinet.run("billing-link", "import", "--accounts", made.accounts, "--payments", made.payments)
        await kabinet.run("identity", "import-legacy", made.legacy_users)
        yield kabinet, made


async def set_back(folder: Path) -> None:
    async with town(folder) as (kabinet, made), httpx2.AsyncClient(timeout=30) as http:
        await setting_back.identity_is_set_back(kabinet, http, folder)
        await setting_back.readers_are_set_back(kabinet, http, made, folder)
        await setting_back.all_are_set_back(kabinet, http, made, folder)


async def keys(folder: Path) -> None:
    async with town(folder) as (kabinet, made), httpx2.AsyncClient(timeout=30) as http:
        await changing_keys.signing_key_is_changed(kabinet, http)
        await changing_keys.seal_is_changed(kabinet, http)
        await changing_keys.seal_is_lost(kabinet, http)
        await changing_keys.legacy_key_is_changed(kabinet, http, made)
        await changing_keys.code_lives_through_a_change_of_its_key(kabinet, http)
        await changing_keys.people_sign_in_after_identitys_hmac_was_changed(kabinet, http)
