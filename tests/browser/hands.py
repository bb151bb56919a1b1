"""How a page is worked with: by a mouse or a finger, or by the keyboard alone, each time by what is read on it."""

from dataclasses import dataclass
from typing import Protocol

from playwright.async_api import Page

from tests.browser.visitor import Visitor

MOST_STEPS = 60
FOCUSED = """() => {
  const one = document.activeElement;
  const label = one.getAttribute("aria-label") || one.labels?.[0]?.textContent || one.textContent || "";
  const box = one.getBoundingClientRect(), style = getComputedStyle(one);
  const amber = "rgb(255, 200, 61)";
  const ring = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0 ? style.outlineColor : "";
  return {
    name: label.replace(/\\s+/g, " ").trim(),
    kind: one.matches("a") ? "link" : one.matches("button") ? "button" : "field",
    seen: [ring, style.boxShadow, style.backgroundColor].some((colours) => colours.includes(amber)),
    within: box.width > 1 && box.height > 1 && box.bottom > 0 && box.top < innerHeight,
  };
}"""


class Hands(Protocol):
    async def type(self, label: str, text: str) -> None: ...

    async def choose(self, label: str) -> None: ...

    async def press(self, name: str, leaves: bool = True) -> None:
        """A button or link. `leaves`: another page comes."""


@dataclass
class Mouse:
    visitor: Visitor

    async def type(self, label: str, text: str) -> None:
        await self.visitor.page.get_by_label(label, exact=True).fill(text)

    async def choose(self, label: str) -> None:
        await self.visitor.page.get_by_label(label, exact=True).check()

    async def press(self, name: str, leaves: bool = True) -> None:
        page = self.visitor.page
        both = page.get_by_role("button", name=name).or_(page.get_by_role("link", name=name))
        named = both.filter(visible=True).first
        if not leaves:
            await named.click()
            return
        async with page.expect_navigation():
            await named.click()


@dataclass
class Keyboard:
    """Tab, Space and Enter; what has the focus is seen each time."""

    visitor: Visitor

    @property
    def _page(self) -> Page:
        return self.visitor.page

    async def type(self, label: str, text: str) -> None:
        await self._reach(label, "field")
        await self._page.keyboard.press("ControlOrMeta+A")
        await self._page.keyboard.insert_text(text)

    async def choose(self, label: str) -> None:
        """Of radio buttons Tab reaches the first; arrows lead to the others."""
        for _step in range(MOST_STEPS):
            if (await self._focused())["name"] == label:
                await self._page.keyboard.press("Space")
                return
            kind = await self._page.evaluate("document.activeElement.type ?? ''")
            await self._page.keyboard.press("ArrowDown" if kind == "radio" else "Tab")
        raise AssertionError(f"the keyboard does not get to {label!r}")

    async def press(self, name: str, leaves: bool = True) -> None:
        kind = await self._reach(name, "")
        key = "Enter" if kind == "link" else "Space"
        if not leaves:
            await self._page.keyboard.press(key)
            return
        async with self._page.expect_navigation():
            await self._page.keyboard.press(key)

    async def _reach(self, name: str, kind: str) -> str:
        """The first from here on, around the page if need be, whose name begins so."""
        passed: list[str] = []
        for _step in range(MOST_STEPS):
            found = await self._focused()
            passed.append(str(found["name"]))
            if str(found["name"]).startswith(name) and (found["kind"] == "field") == (kind == "field"):
                assert found["within"], f"{name!r} has the focus outside of what is seen"
                assert found["seen"], f"{name!r} has the focus, and it is not seen"
                return str(found["kind"])
            await self._page.keyboard.press("Tab")
        raise AssertionError(f"the keyboard does not get to {name!r}, but to {passed}")

    async def _focused(self) -> dict[str, str | bool]:
        found: dict[str, str | bool] = await self._page.evaluate(FOCUSED)
        return found
