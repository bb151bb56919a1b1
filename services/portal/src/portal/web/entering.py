"""From right credentials to a session, whichever way somebody came."""

from typing import Any

from fastapi import Response

from portal.web.cookies import DEVICE
from portal.web.visiting import Visit


def device(visit: Visit) -> dict[str, str]:
    """What identity knows this device by, if somebody has signed in here in the last year."""
    known = visit.cookies.get(DEVICE)
    return {"device": known} if known and len(known) <= 256 else {}


async def entered(visit: Visit, answer: dict[str, Any]) -> Response:
    """Signed in: to the page that was wanted, after a word about a password that is easy to guess."""
    await visit.sign_in(answer)
    if answer["user"]["password_weak"]:
        return await visit.go("/login/password")
    return await visit.go(await visit.back())
