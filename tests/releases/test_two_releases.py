"""Release N-1 beside N: one group, one topic, one database, also while a migration adds a column and takes it away."""

from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError

from shared.database import Schema
from tests.kit import eventually
from tests.releases.asking import Requests
from tests.releases.release import TODAY, Release, changed

GROUP = "billing-link"
MIGRATION = '''"""planted: {name}"""

import sqlalchemy as sa
from alembic import op

revision: str = "{name}"
down_revision: str | None = "{follows}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    {upgrade}
'''
ADD = 'op.add_column("link_requests", sa.Column("channel", sa.String(), nullable=True))'
DROP = 'op.drop_column("link_requests", "channel")'
NO_CHANNEL = '    status: str = "pending"\n    refusal: str | None = None\n    created_at'
CHANNEL = NO_CHANNEL.replace("    created_at", '    channel: str | None = "cabinet"\n    created_at')


def migrations(count: int) -> dict[str, str]:
    """The first one adds a column, the second one drops it; they follow today's last."""
    (head,) = (name for name in Schema.of("billing_link").heads if name.startswith("billing_link_"))
    names, follows = ["planted_1", "planted_2"], [head, "planted_1"]
    steps = zip(names, follows, (ADD, DROP), strict=True)
    made = {f"{name}.py": MIGRATION.format(name=name, follows=last, upgrade=sql) for name, last, sql in steps}
    return dict(list(made.items())[:count])


async def in_one_group(kafka: str, members: int) -> None:
    """Until the group has so many members, each with its share of the partitions."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:

        async def joined() -> bool:
            try:
                (described,) = await admin.describe_consumer_groups([GROUP])
            except GroupCoordinatorNotAvailableError:  # the broker's first group: its topic is being made
                return False
            ((_error, _group, state, _type, _protocol, found, *_),) = described.groups
            return state == "Stable" and len(found) == members

        await eventually(joined, 40)
    finally:
        await admin.close()


async def test_each_release_runs_its_own_code(before: Release, settings: dict[str, str]) -> None:
    """Else all that follows would be a release beside itself."""
    where = (
        "from importlib.util import find_spec as f; print(f('shared.outbox').origin, f('billing_link.linking').origin)"
    )

    old, today = [(await release.said(settings, "-c", where)).split() for release in (before, TODAY)]

    assert all(path.startswith(str(before.folder)) for path in old)
    assert not any(path.startswith(str(before.folder)) for path in today)


async def test_release_before_serves_and_works_on_todays_schema(
    before: Release, settings: dict[str, str], requests: Requests
) -> None:
    async with before.running(settings, "api") as api, before.running(settings, "worker") as worker:
        assert [(await program.readyz()).status_code for program in (api, worker)] == [200, 200]
        await requests.send_what_nobody_can_read()
        await requests.ask(12, api.url)

        await requests.all_decided()

        await requests.must_be_decided_once_and_in_order()


async def test_every_request_is_decided_once_and_in_order_whichever_release_is_killed(
    before: Release, settings: dict[str, str], requests: Requests, kafka: str
) -> None:
    async with before.running(settings) as old:
        async with TODAY.running(settings) as today:
            await in_one_group(kafka, 2)
            await requests.ask(6)
            await requests.all_decided()
            await requests.one_relay_has_the_place()
            async with requests.asked_meanwhile(60):
                await today.kill()
            await requests.send_what_nobody_can_read()
            await requests.all_decided()

        async with TODAY.running(settings) as today:
            await in_one_group(kafka, 2)
            async with requests.asked_meanwhile(60):
                await old.kill()
            await requests.send_what_nobody_can_read()
            await requests.all_decided()
            await requests.ask(12)  # the release before is gone
            await requests.all_decided()
            await today.stop()

    await requests.must_be_decided_once_and_in_order()


async def test_column_is_added_and_later_dropped_under_running_releases(
    before: Release, settings: dict[str, str], requests: Requests, kafka: str, tmp_path: Path
) -> None:
    expanding = changed(tmp_path / "expanding", "expanding", migrations(1), (NO_CHANNEL, CHANNEL))
    contracting = changed(tmp_path / "contracting", "contracting", migrations(2))
    async with before.running(settings) as old, TODAY.running(settings) as today:
        await in_one_group(kafka, 2)
        await expanding.migrate(settings)
        async with expanding.running(settings, "serve") as new:
            await in_one_group(kafka, 3)
            assert [(await program.readyz()).status_code for program in (old, today, new)] == [200, 200, 200]
            told = await requests.ask(18, new.url)
            await requests.ask(18)
            await requests.all_decided()
            rows = await requests.api.rows("SELECT id, channel FROM link_requests WHERE channel IS NOT NULL")
            assert {row.id: row.channel for row in rows} == dict.fromkeys(told, "cabinet")
            await new.stop()

        await contracting.migrate(settings)
        await requests.ask(18)
        await requests.all_decided()

        assert [(await program.readyz()).status_code for program in (old, today)] == [200, 200]
        await requests.must_be_decided_once_and_in_order()


async def test_release_on_an_older_schema_is_not_ready(settings: dict[str, str], tmp_path: Path) -> None:
    newer = changed(tmp_path / "newer", "newer", migrations(1), (NO_CHANNEL, CHANNEL))
    async with newer.running(settings, "api") as api, newer.running(settings, "worker") as worker:
        for program in (api, worker):
            answer = await program.readyz()

            assert answer.status_code == 503
            assert "migrate" in answer.json()["missing"]["database"]
