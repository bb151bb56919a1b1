"""A Kafka that lost its data, and topics read again from their beginning: every reader stays in the same state."""

import asyncio
import shutil
import time
from collections import Counter
from datetime import UTC, datetime, timedelta

from deploy.embedded import topics
from deploy.embedded.environment import WITH_DATABASE, for_service, prefix
from deploy.embedded.kafka import Kafka
from shared.contracts.billing import AccountClosed, AccountOpened, PaymentPosted, PaymentReversed
from shared.events import Event
from tests.chaos.table import Row
from tests.chaos.whole_house import House, Scene, judged, program, with_points
from tests.chaos.whole_state import at_rest, differences, producing, rows, said, say, state, to_the_beginning
from tests.kit import eventually

POISON = "60000000"
"""An account number that is only the key of records that nobody can read."""


async def kafka_lost(house: House, seconds: float) -> Row:
    """People for a while, then all of Kafka's data is gone; `outbox resend` of every service, then a full replay."""

    async def act(scene: Scene) -> None:
        scene.kill("kafka")  # what the readers hold came through repeats already
        await asyncio.sleep(seconds)
        await scene.stand_again("kafka")

    async def then(scene: Scene) -> None:
        until = time.time() + 200
        await _poisoned(scene, "before the loss")
        await _billing_says(scene)
        await _rest(scene, "billing system's facts")
        before = await state(scene.kabinet.env, until)
        events = await _events(scene)
        letters = await _mailbox_count(scene)
        await _replay_everything(scene)
        await _rest(scene, "replay")
        _same(scene, "a full replay", before, await state(scene.kabinet.env, until))
        await _lose_kafka(scene)
        await asyncio.gather(*(_resend(scene, service) for service in WITH_DATABASE))
        await _rest(scene, "resend")
        _same(scene, "outbox resend", before, await state(scene.kabinet.env, until))
        if events != (now := await _events(scene)):
            lost = Counter(kind for kind, _ in events - now)
            scene.broken.append(f"events are lost: {dict(lost)}; {len(now - events)} are new")
        if (arrived := await _mailbox_count(scene)) != letters:
            scene.broken.append(f"{arrived - letters} messages went out again")
        scene.notes.append(f"{len(before)} tables hashed")
        await _poisoned(scene, "after the loss, at the same position")

    return await judged(house, "whole: Kafka lost, resend, full replay", 1, act, then=then)


def _same(scene: Scene, what: str, before: dict[str, str], after: dict[str, str]) -> None:
    changed = differences(before, after)
    scene.broken += [f"{what} changed {change}" for change in changed]


async def _events(scene: Scene) -> set[tuple[str, str]]:
    """Type and id of all that stood in an outbox: not the billing system's, nor what a scenario planted."""
    events = await said(scene.kabinet.env["KAFKA_BOOTSTRAP_SERVERS"])
    planted = scene.house.planted
    return {(one.type, one.id) for one in events if one.topic != "billing.events" and one.id not in planted}


async def _rest(scene: Scene, what: str) -> None:
    waited, moving = await at_rest(scene.kabinet.env, 60)
    scene.broken += [f"after the {what}: {one}" for one in moving]
    scene.notes.append(f"at rest {waited:.1f} s after the {what}")


async def _mailbox_count(scene: Scene) -> int:
    await scene.mailbox.look()
    return len(scene.mailbox.seen)


async def _lose_kafka(scene: Scene) -> None:
    """The broker's folder removed while services run; the same broker address with empty topics."""
    kabinet = scene.kabinet
    await scene.take_away("kafka")
    shutil.rmtree(kabinet.folder / "kafka" / "data")
    new = Kafka(kabinet.folder / "kafka", kabinet.ports["kafka"], kabinet.ports["kafka-controller"])
    await new.start()
    await topics.create(new.bootstrap, topics.read())
    await new.stop()
    await kabinet.resume("kafka")


async def _resend(scene: Scene, service: str) -> None:
    """The command is killed once after its rows are unsent; what it did again is absorbed."""
    since = (datetime.now(UTC) - timedelta(hours=1)).isoformat(timespec="seconds").replace("+00:00", "")
    env = for_service(service, scene.kabinet.env)
    armed = with_points(env, prefix(service), "outbox.resent=kill")
    if await program(armed, service, "outbox", "resend", "--since", since) != -9:
        scene.broken.append(f"{service} outbox resend never came to outbox.resent")
    scene.history.fault(f"{service} outbox resend killed")
    if code := await program(env, service, "outbox", "resend", "--since", since):
        scene.broken.append(f"{service} outbox resend ended with {code}")


async def _replay_everything(scene: Scene) -> None:
    """Every reader's offsets at the beginning, set while its worker is stopped."""
    await asyncio.gather(*(scene.kabinet.pause(service) for service in WITH_DATABASE))
    bootstrap = scene.kabinet.env["KAFKA_BOOTSTRAP_SERVERS"]
    again = {service: await to_the_beginning(bootstrap, service) for service in WITH_DATABASE}
    scene.notes.append(f"partitions read again: {again}")
    await asyncio.gather(*(scene.kabinet.resume(service) for service in WITH_DATABASE))


async def _billing_says(scene: Scene) -> None:
    """Facts of every kind about other accounts, and new contracts, which end links, for some that people hold."""
    today = datetime.now(UTC).date()
    held = [number for number, truth in scene.people.truths.items() if truth == "linked"][:5]
    facts: list[Event] = [AccountOpened(account_number=one, address="д. 2", opened_on=today) for one in held]
    for number in map(str, range(90_000_000, 90_000_020)):
        paid = {"account_number": number, "payment_id": f"e-{number}"}
        facts += [
            PaymentReversed(**paid, reversed_on=today),  # billing's topic may tell of it before the payment
            PaymentPosted(**paid, amount="100.00", paid_on=today, service="electricity"),
            AccountOpened(account_number=number, address="д. 3", opened_on=today),
            AccountClosed(account_number=number, closed_on=today),
        ]
    async with producing(scene.kabinet.env) as producer:
        for fact in facts:
            await say(producer, fact)


async def _poisoned(scene: Scene, when: str) -> None:
    """A record that cannot be read is parked, and given up again: its letter stays in the books, resolved."""
    headers = [("ce_type", b"billing.payment_posted.v1"), ("ce_id", when.encode()), ("ce_specversion", b"1.0")]
    async with producing(scene.kabinet.env) as producer:
        await producer.send_and_wait("billing.events", b"{", key=POISON.encode(), headers=headers)
    try:
        await eventually(lambda: _letters(scene), 20)
    except AssertionError:
        scene.broken.append(f"poison {when} is not parked: {scene.kabinet.child('billing-link').last_lines(1)[:300]}")
    env = for_service("billing-link", scene.kabinet.env)
    for letter in await _letters(scene):
        await program(env, "billing-link", "dead-letters", "drop", letter, "--reason", "planted", "--by", "chaos")


async def _letters(scene: Scene) -> list[str]:
    sql = "SELECT id::text FROM dead_letters WHERE resolved_at IS NULL AND key = $1"
    return [row["id"] for row in await rows(scene.kabinet.env, "billing-link", sql, POISON)]
