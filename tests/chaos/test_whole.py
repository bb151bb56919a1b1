"""The whole set under faults, in short: people's history is judged as in `make chaos`, on one set for all."""

from collections.abc import AsyncIterator

import pytest

from tests.chaos.table import Row, printed
from tests.chaos.whole_house import House, opened
from tests.chaos.whole_kills import kills_at_random, services_at_every_point
from tests.chaos.whole_outages import broker_away, postgres_away
from tests.chaos.whole_redis import redis_hurt
from tests.chaos.whole_replays import kafka_lost

SOME_POINTS = {
    "identity": ["relay.acknowledged", "inbox.reacted"],
    "verification": ["database.flushed", "door.answered"],
    "billing-link": ["consumer.committing", "relay.marked"],
    "notifier": ["inbox.remembered", "door.answered"],
}
"""One of each kind: between database and Kafka, database and door, a reader's effects and its offset."""


@pytest.fixture(scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with opened(tmp_path_factory.mktemp("whole"), accounts=1000) as house:
        yield house


def holds(row: Row) -> None:
    assert row.holds, printed([row])


async def test_services_that_die_at_a_point_lose_and_double_nothing(house: House) -> None:
    holds(await services_at_every_point(house, 1, SOME_POINTS))


async def test_kills_of_whatever_runs_lose_and_double_nothing(house: House) -> None:
    holds(await kills_at_random(house, 5))


async def test_people_do_not_notice_that_the_broker_is_away(house: House) -> None:
    holds(await broker_away(house, 5))


async def test_no_code_is_sent_or_taken_while_redis_is_hurt(house: House) -> None:
    holds(await redis_hurt(house, 1))


async def test_what_was_asked_before_postgres_went_arrives_after_it_is_back(house: House) -> None:
    holds(await postgres_away(house, 3))


async def test_lost_kafka_and_a_full_replay_change_no_reader(house: House) -> None:
    holds(await kafka_lost(house, 2))
