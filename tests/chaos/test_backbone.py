"""The backbone under faults, in short: the same scenarios as in `make chaos`, few trials each."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from deploy.embedded.kafka import Kafka
from shared.failpoints import POINTS
from tests.chaos import brokers, crashes, databases, groups, poison, relays
from tests.chaos.arena import Arena
from tests.chaos.poison import KINDS, Kind
from tests.chaos.proxy import Proxy
from tests.chaos.table import Row, printed

SOME_KINDS = [kind for kind in KINDS if kind.name in ("malformed", "header name no UTF-8", "handler kills")]
"""The others, which meet the same code as the first, are in `make chaos` and in tests/shared/test_dead_letters.py."""


@pytest.fixture(scope="module")
async def arena(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Arena]:
    folder: Path = tmp_path_factory.mktemp("chaos")
    async with Arena.opened(lambda _line: None, folder) as arena:
        yield arena


@pytest.fixture(scope="module")
async def bad_network(arena: Arena) -> AsyncIterator[tuple[Kafka, Proxy]]:
    async with arena.kafka_behind_a_proxy() as both:
        yield both


def holds(row: Row) -> None:
    assert row.holds, printed([row])


def test_matrix_reaches_every_point_or_says_who_does() -> None:
    assert crashes.everywhere() == set(POINTS)


async def test_processes_that_die_at_any_point_lose_and_double_nothing(arena: Arena) -> None:
    holds(await crashes.crash_matrix(arena, 3))


async def test_broker_that_is_killed_comes_back_to_everything(arena: Arena, bad_network: tuple[Kafka, Proxy]) -> None:
    holds(await brokers.without_broker(arena, bad_network[0], 1, "killed -9", brokers.killed))


async def test_broker_that_hangs_comes_back_to_everything(arena: Arena, bad_network: tuple[Kafka, Proxy]) -> None:
    holds(await brokers.without_broker(arena, bad_network[0], 3, "stopped", brokers.stopped))


async def test_bad_network_to_the_broker_loses_and_doubles_nothing(
    arena: Arena, bad_network: tuple[Kafka, Proxy]
) -> None:
    holds(await brokers.flaps(arena, *bad_network, 2))


async def test_database_that_ends_at_once_takes_nothing_with_it(arena: Arena) -> None:
    holds(await databases.restarted_immediately(arena, 1))


async def test_relay_that_was_given_up_may_come_back(arena: Arena) -> None:
    holds(await relays.zombie(arena, 1))


async def test_one_lane_that_fails_does_not_let_the_other_pass(arena: Arena) -> None:
    holds(await relays.one_lane_fails(arena, 3))


async def test_members_that_come_and_go_lose_and_double_nothing(arena: Arena) -> None:
    holds(await groups.storm(arena, 3))


async def test_handlers_slower_than_the_group_allows_have_one_effect(arena: Arena) -> None:
    holds(await groups.slow_handlers(arena, 1))


@pytest.mark.parametrize("kind", SOME_KINDS, ids=lambda kind: kind.name)
async def test_poison_holds_up_its_own_key_only(arena: Arena, kind: Kind) -> None:
    holds(await poison.of_kind(arena, 1, kind))


async def test_row_that_is_too_large_holds_up_its_own_key_only(arena: Arena) -> None:
    holds(await poison.too_large(arena, 1))
