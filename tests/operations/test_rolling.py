"""A rollout and a rollback across a migration, under load: no request fails, none is lost."""

from contextlib import AsyncExitStack
from pathlib import Path

from tests.operations.rolling import Balancer, Crowd, Fleet
from tests.releases.asking import Requests
from tests.releases.conftest import before, requests, settings
from tests.releases.release import Release, changed
from tests.releases.test_two_releases import CHANNEL, NO_CHANNEL, migrations

__all__ = ["before", "requests", "settings"]


async def test_no_request_fails_while_a_release_comes_with_a_migration_and_goes_again(
    before: Release, settings: dict[str, str], requests: Requests, tmp_path: Path
) -> None:
    coming = changed(tmp_path / "coming", "coming", migrations(1), (NO_CHANNEL, CHANNEL))
    balancer = Balancer()
    crowd = Crowd(balancer, requests.api, requests.accounts)
    async with AsyncExitStack() as stack:
        fleet = Fleet(balancer, settings, stack)
        for _ in range(2):
            await fleet.start(before)
        async with crowd.going_on():
            await crowd.more()
            await coming.migrate(settings)
            await crowd.more()
            await fleet.replace(coming, crowd)
            await fleet.replace(before, crowd)

    assert set(crowd.answers) == {"POST 202", "GET 200"}, crowd.answers
    rows = await requests.api.rows("SELECT id, channel FROM link_requests")
    assert {row.id for row in rows} == set(crowd.asked)
    assert {row.channel for row in rows} == {None, "cabinet"}, "both releases wrote, the newer one its column"
