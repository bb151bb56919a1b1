"""Redis emptied, stopped, killed, read-only, full: no code is accepted, none is sent, and people are told at once."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from redis.asyncio import Redis

from tests.chaos.people import Person
from tests.chaos.table import Row
from tests.chaos.whole_acts import ask_code
from tests.chaos.whole_house import House, Scene, judged

REFUSED_SECONDS = 1.0
"""Promise 14."""
APART_SECONDS = 1.1
"""The set's overrides let a phone have a code a second."""
GONE, REFUSED = (410, "code-not-valid"), (503, "codes-unavailable")

Hurt = Callable[[Scene], Awaitable[None]]
Told = tuple[int, str]


async def redis_hurt(house: House, times: int) -> Row:
    """Each kind of harm so many times, one after another, while people come."""

    async def act(scene: Scene) -> None:
        for kind, (hurt, mend) in HARMS.items():
            took = [await _once(scene, kind, hurt, mend) for _ in range(times)]
            scene.notes.append(f"Redis {kind}: told within {max(took):.2f} s")
            if max(took) > REFUSED_SECONDS:
                scene.broken.append(f"Redis {kind}: told after {max(took):.2f} s")
        await _budgets_survive(scene)

    return await judged(house, "whole: Redis hurt in every way", times, act, per_second=2)


async def _once(scene: Scene, kind: str, hurt: Hurt, mend: Hurt) -> float:
    """A living code; then each call on codes while Redis is hurt; the longest of them in seconds."""
    owner, stranger = Person(), Person()
    code_id, code = await _living_code(scene, owner)
    right = GONE if kind == "emptied" else REFUSED
    await asyncio.sleep(APART_SECONDS)
    scene.history.fault(f"Redis {kind}")
    await hurt(scene)
    try:
        told = {
            "a right code": await _ask(scene, f"/{code_id}/check", {"code": code}),
            "the code again": await _ask(scene, f"/{code_id}/sends", {}),
        }
        if kind != "emptied":
            told["a new code"] = await _ask(scene, "", {"phone": stranger.phone, "purpose": "registration"})
    finally:
        await mend(scene)
    scene.broken += [f"Redis {kind}: {what}: {answer}" for what, (answer, _) in told.items() if answer != right]
    return max(seconds for _, seconds in told.values())


async def _budgets_survive(scene: Scene) -> None:
    """Ten wrong checks over two codes, then Redis forgets everything: the right code of a third opens nothing."""
    owner = Person()
    for _ in range(2):
        code_id, code = await _living_code(scene, owner)
        wrong = {"code": f"{(int(code) + 1) % 10 ** len(code):0{len(code)}d}"}
        for _ in range(5):
            await _ask(scene, f"/{code_id}/check", wrong)
        await asyncio.sleep(APART_SECONDS)
    await _command(scene, "FLUSHALL")
    code_id, code = await _living_code(scene, owner)
    told, _ = await _ask(scene, f"/{code_id}/check", {"code": code})
    if told != GONE:
        scene.broken.append(f"a phone's wrong checks were forgotten with Redis: {told}")


async def _living_code(scene: Scene, owner: Person) -> tuple[str, str]:
    """The next code of a phone, as its SMS told it; what it asks for is in the history."""
    before = len(scene.people.subjects[f"sms {owner.phone}"])
    code_id = await ask_code(scene.people, owner)
    code = await scene.people.message(owner.phone, "sms", r"#(\d+)", after=before)
    if code_id is None or code is None:
        raise RuntimeError(f"no code while all is well: {scene.people.refused}")
    return code_id, code


async def _ask(scene: Scene, path: str, body: dict[str, str]) -> tuple[Told, float]:
    """A call beside the people's, and its seconds; an SMS because of it would be nobody's."""
    began = time.monotonic()
    answer = await scene.house.http.post(f"{scene.kabinet.urls['verification']}/v1/codes{path}", json=body)
    code = "" if answer.status_code < 400 else answer.json()["code"]
    return (answer.status_code, code), time.monotonic() - began


async def _command(scene: Scene, *words: Any) -> None:
    async with Redis.from_url(scene.kabinet.env["VERIFICATION_REDIS_URL"]) as redis:
        await redis.execute_command(*words)  # type: ignore[no-untyped-call]


async def _set(name: str, value: str, scene: Scene) -> None:
    await _command(scene, "CONFIG", "SET", name, value)


async def _flush(scene: Scene) -> None:
    await _command(scene, "FLUSHALL")


async def _nothing(scene: Scene) -> None:
    """It mends itself: what was forgotten stays forgotten."""


async def _freeze(scene: Scene) -> None:
    scene.freeze("redis")


async def _thaw(scene: Scene) -> None:
    scene.freeze("redis", thaw=True)


async def _take_away(scene: Scene) -> None:
    await scene.take_away("redis")


async def _bring_back(scene: Scene) -> None:
    await scene.kabinet.resume("redis")


HARMS: Mapping[str, tuple[Hurt, Hurt]] = {
    "emptied": (_flush, _nothing),
    "stopped": (_freeze, _thaw),
    "killed": (_take_away, _bring_back),
    "read-only": (partial(_set, "min-replicas-to-write", "1"), partial(_set, "min-replicas-to-write", "0")),
    "full": (partial(_set, "maxmemory", "1"), partial(_set, "maxmemory", "67108864")),
}
