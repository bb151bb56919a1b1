"""The states of every page that a browser is sent to look at: routes, who comes, how it is reached."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tests.browser.visitor import Visitor

Reach = Callable[[Visitor], Awaitable[None]]


@dataclass(frozen=True)
class State:
    """`route`: as the portal writes it. `via`: routes that only lead on, which are passed on the way."""

    route: str
    name: str
    reach: Reach
    status: int = 200
    who: str | None = None
    via: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        pages = re.findall(r"[a-z-]+", re.sub(r"\{.*?\}", "", self.route))
        return "-".join([*pages, self.name] if pages else ["missing", self.name])


def opened(path: str) -> Reach:
    async def reach(visitor: Visitor) -> None:
        await visitor.open(path)

    return reach


def sent(path: str, button: str = "", **typed: str) -> Reach:
    """The form of the page, sent as it is or with this in it. `button`: where it has several."""

    async def reach(visitor: Visitor) -> None:
        await visitor.open(path)
        await visitor.type(path, **typed)
        await visitor.press(path, button)

    return reach


def after(link: str, path: str, **typed: str) -> Reach:
    """The form of the page that a letter's link leads to."""

    async def reach(visitor: Visitor) -> None:
        await visitor.open(link)
        await visitor.send(path, **typed)

    return reach
