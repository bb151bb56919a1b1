"""Servers that are away under people: the broker, PostgreSQL, the mail server with the SMS gateway."""

import asyncio
import time
from collections import Counter

from deploy.embedded.environment import WITH_DATABASE
from tests.chaos.table import Row
from tests.chaos.whole_house import House, Scene, judged

NAMED_WITHIN = 5.0
"""Seconds after which readiness must name a broker that refuses connections."""
TERM_SECONDS = 10.0
LETTER_BACKOFF = 300.0
"""The longest pause between two tries of a letter; of an SMS 15 s."""


async def broker_away(house: House, seconds: float, frozen: bool = False) -> Row:
    """Promise 3: killed (or stopped, so that connections hang); people notice nothing but that letters come later."""

    async def act(scene: Scene) -> None:
        if frozen:
            scene.freeze("kafka")
        else:
            await scene.take_away("kafka")
        gone, untold = time.time(), len(scene.people.unanswered)
        seen = await _readiness(scene, seconds)
        scene.notes.append(f"readyz meanwhile: {dict(seen)}")
        scene.broken += [f"a call failed: {what}" for _at, what in scene.people.unanswered[untold:][:5]]
        calls = [one for one in scene.history.tries.values() if one.begun > gone]
        scene.notes.append(f"{len(calls)} acts of people in {seconds:.0f} s without a broker")
        if frozen:
            scene.freeze("kafka", thaw=True)
        else:
            await asyncio.gather(*(_terminate(scene, service) for service in WITH_DATABASE))
            await scene.kabinet.resume("kafka")

    what = "stopped" if frozen else "killed"
    return await judged(
        house, f"whole: broker {what} {seconds:.0f} s", 1, act, per_second=4, patience=seconds + 60, recovery=60
    )


async def _readiness(scene: Scene, seconds: float) -> Counter[str]:
    """Ask every service once a second; each answer must be a 200, and name a broker that refuses connections."""
    began, seen = time.monotonic(), Counter[str]()
    refuses = not scene.kabinet.child("kafka").running
    while (gone := time.monotonic() - began) < seconds:
        for service in WITH_DATABASE:
            answer = await scene.house.http.get(f"{scene.kabinet.urls[service]}/readyz")
            named = sorted(answer.json().get("degraded", {}))
            seen[f"{answer.status_code} {' '.join(named) or 'ready'}"] += 1
            if answer.status_code != 200 or (refuses and gone > NAMED_WITHIN and "broker" not in named):
                scene.broken.append(f"{service} {gone:.0f} s after: {answer.status_code} {answer.text}")
        await asyncio.sleep(1)
    return seen


async def _terminate(scene: Scene, service: str) -> None:
    """SIGTERM of a service without a broker: it ends by itself within ten seconds, and starts without one."""
    child, began = scene.kabinet.child(service), time.monotonic()
    await scene.kabinet.pause(service)
    took = time.monotonic() - began
    scene.notes.append(f"SIGTERM without a broker: {service} {child.ending} after {took:.1f} s")
    if child.ending != "exit 0" or took > TERM_SECONDS:
        scene.broken.append(f"SIGTERM without a broker: {service} {child.ending} after {took:.1f} s")
    await scene.kabinet.resume(service)


async def postgres_away(house: House, seconds: float) -> Row:
    """Killed and not started again for a while: no dead letters, nothing twice, all arrives afterwards."""

    async def act(scene: Scene) -> None:
        await scene.take_away("postgres")
        await asyncio.sleep(seconds)
        await scene.kabinet.resume("postgres")

    return await judged(house, f"whole: PostgreSQL away {seconds:.0f} s", 1, act, patience=seconds + 60)


async def mailbox_away(house: House, seconds: float) -> Row:
    """Mail server and SMS gateway stop answering, then refuse, for half of the time each."""

    async def act(scene: Scene) -> None:
        scene.freeze("mailbox")
        await asyncio.sleep(seconds / 2)
        scene.freeze("mailbox", thaw=True)
        await scene.take_away("mailbox")
        await asyncio.sleep(seconds / 2)
        await scene.kabinet.resume("mailbox")

    recovery = min(2 * seconds, LETTER_BACKOFF) + 30
    return await judged(
        house, f"whole: SMTP and SMS away {seconds:.0f} s", 1, act, patience=seconds + recovery, recovery=recovery
    )
