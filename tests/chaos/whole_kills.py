"""Kills under people: every service at every point that it reaches, and kill -9 of whatever runs, at random."""

import asyncio
import random
import signal
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress

from uuid_utils.compat import uuid7

from deploy.embedded.children import CannotStart, Child
from deploy.embedded.environment import WITH_DATABASE, for_service, prefix
from shared.contracts.identity import SessionsEnded
from shared.contracts.notifier import NotificationFailed
from shared.failpoints import POINTS
from tests.chaos.table import Row
from tests.chaos.whole_house import House, Scene, hurried, judged, with_points, words
from tests.chaos.whole_state import producing, rows, say
from tests.kit import eventually

REACHED_WITHIN = 90.0
ONCE_A_LIFE = {"relay.placed", "relay.started", "consumer.joined"}
"""Passed once by a process in which nothing fails: the kill is at the first passing."""
ELSEWHERE: Mapping[str, str] = {
    "dead_letters.parked": "needs poison",
    "dead_letters.resolved": "needs poison",
    "dead_letters.replayed": "needs poison",
    "outbox.released": "needs a refused row",
    "outbox.resent": "is a command's (see the lost Kafka)",
}
"""Points that people alone reach in no service; the kernel's own matrix kills there."""


def points_of(service: str) -> list[str]:
    """Those that the service reaches while people use it."""
    points = [point for point in POINTS if point not in ELSEWHERE]
    if service == "verification":  # it hears nothing
        points = [point for point in points if not point.startswith(("consumer.", "delivering.", "inbox."))]
    if service not in ("verification", "notifier"):
        points.remove("door.answered")
    return points


async def services_at_every_point(house: House, times: int, points: Mapping[str, list[str]] | None = None) -> Row:
    """Four sequences at once, one per service: started armed, killed by itself at the point, started armed anew."""

    async def act(scene: Scene) -> None:
        chosen = points or {service: points_of(service) for service in WITH_DATABASE}
        began = time.monotonic()
        await asyncio.gather(*(scene.kabinet.pause(service) for service in chosen))
        async with asyncio.TaskGroup() as group:
            talking = group.create_task(_say_by_themselves(scene))
            matrices = [group.create_task(_die_at(scene, service, chosen[service], times)) for service in chosen]
            await asyncio.wait(matrices)
            talking.cancel()
        await asyncio.gather(*(scene.kabinet.resume(service) for service in chosen))
        scene.notes.append(f"{len(scene.history.faults)} kills in {time.monotonic() - began:.0f} s")

    return await judged(house, "whole: every service at every point", times, act, users=8)


async def _die_at(scene: Scene, service: str, points: list[str], times: int) -> None:
    child = scene.kabinet.child(service)
    own_command, own_env = child.command, child.env
    reached: Counter[str] = Counter()
    child.command = hurried(service)
    try:
        for point in points:
            for trial in range(times):
                nth = 1 if point in ONCE_A_LIFE else trial % 3 + 1
                child.env = with_points(for_service(service, scene.kabinet.env), prefix(service), f"{point}=kill@{nth}")
                reached[point] += await _dies(scene, child, point)
                await _recover(scene, service, child)
    finally:
        child.command, child.env = own_command, own_env
    missed = [f"{point} ({reached[point]} of {times})" for point in points if reached[point] < times]
    scene.notes.append(f"{service}: {len(points) - len(missed)} points reached, {reached.total()} kills")
    scene.broken.extend(f"{service} never came to {point}" for point in missed)


async def _dies(scene: Scene, child: Child, point: str) -> bool:
    """Whether the process came to the point and was killed there."""
    child.start()
    with suppress(CannotStart):  # it ended badly, which is what is waited for
        await child.wait_end(REACHED_WITHIN)
    if died := child.ending == f"killed by {signal.SIGKILL.name}":
        scene.history.fault(f"{child.name} at {point}")
    elif not child.running:
        scene.broken.append(f"{child.name} ended by itself ({child.ending}) before {point}: {child.last_lines(3)}")
    await child.stop()
    return died


async def _recover(scene: Scene, service: str, child: Child) -> None:
    """Where it died over records, an unarmed life handles them: to die over one again and again is a crash-looper's."""
    if not await _died_over_records(scene, service):
        return
    child.env = with_points(for_service(service, scene.kabinet.env), prefix(service), "")
    child.start()
    with suppress(AssertionError):  # then the next death tells
        await eventually(lambda: _is_clear(scene, service), REACHED_WITHIN)
    scene.kill(service)
    await child.stop()


async def _died_over_records(scene: Scene, service: str) -> bool:
    return bool(await rows(scene.kabinet.env, service, "SELECT 1 FROM deliveries LIMIT 1"))


async def _is_clear(scene: Scene, service: str) -> bool:
    return not await _died_over_records(scene, service)


async def _say_by_themselves(scene: Scene) -> None:
    """Events for every reader, as other workers would say them, however few people get through: refused letters, which
    are all that identity hears, and ended sessions of strangers."""
    async with producing(scene.kabinet.env) as producer:
        while True:
            await asyncio.sleep(0.5)
            failed = {"kind": "feedback", "channel": "email", "reason": "rejected"}
            for event in (
                NotificationFailed(notification_id=uuid7(), **failed),
                SessionsEnded(user_id=uuid7(), session_ids=[uuid7()], reason="signed_out"),
            ):
                scene.house.planted.add(str(event.id))
                await say(producer, event)


async def kills_at_random(house: House, seconds: float) -> Row:
    """kill -9 of an api, a worker or the broker every 0.5 to 3 s; the supervisor starts it again."""

    async def act(scene: Scene) -> None:
        await scene.kabinet.split("billing-link")
        names = [*WITH_DATABASE, "billing-link-worker", "kafka"]
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            await asyncio.sleep(random.uniform(0.5, 3.0))
            scene.kill(random.choice(names))
        await scene.stand_again(*names)
        killed = Counter(name.removeprefix("kill -9 ") for _, name in scene.history.faults)
        scene.notes.append(f"killed: {words([f'{name} x {many}' for name, many in killed.items()])}")

    async def then(scene: Scene) -> None:
        await scene.kabinet.join("billing-link")

    return await judged(house, f"whole: kill -9 at random, {seconds:.0f} s", 1, act, then=then)


async def notifier_killed_with_its_hands_full(house: House, times: int) -> Row:
    """kill -9 of the notifier while mail server and SMS gateway keep it waiting: who takes over what it held?"""

    async def act(scene: Scene) -> None:
        for _ in range(times):
            scene.freeze("mailbox")
            try:
                await eventually(lambda: _held(scene), 20)
                scene.kill("notifier")
            finally:
                scene.freeze("mailbox", thaw=True)
            await scene.stand_again("notifier")

    return await judged(house, "whole: notifier killed with its hands full", times, act)


async def _held(scene: Scene) -> bool:
    """Whether some notifications are taken up and not handed over yet."""
    sql = "SELECT count(*) FROM notifications WHERE status = 'queued' AND tries > 0 AND due_at > now()"
    return int((await rows(scene.kabinet.env, "notifier", sql))[0][0]) >= 3
