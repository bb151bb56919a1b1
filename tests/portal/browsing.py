"""A browser for tests: cookies, pages, forms that are filled in and sent by their buttons, as without JavaScript."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

import httpx2

VOID = frozenset("input meta link br hr img path circle rect".split())
NBSP = "\u00a0"
PHONE = "Mozilla/5.0 (Android 15; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0"


@dataclass
class Tag:
    name: str
    attributes: dict[str, str]
    parents: "tuple[Tag, ...]" = ()
    children: "list[Tag | str]" = field(default_factory=list)

    @property
    def text(self) -> str:
        """As it reads: spaces are one, no-break ones too."""
        parts = [part if isinstance(part, str) else f" {part.text} " for part in self.children]
        return " ".join("".join(parts).replace(NBSP, " ").split()).replace(" ,", ",").replace(" .", ".")

    def all(self, tag: str = "", /, **attributes: str) -> "list[Tag]":
        """Every tag inside, in the order of the page; `class_` names one of its classes."""
        found: list[Tag] = []
        for child in self.children:
            if isinstance(child, Tag):
                if (not tag or child.name == tag) and child.has(**attributes):
                    found.append(child)
                found += child.all(tag, **attributes)
        return found

    def has(self, **attributes: str) -> bool:
        for name, value in attributes.items():
            if name == "class_":
                if value not in self.attributes.get("class", "").split():
                    return False
            elif self.attributes.get(name.replace("_", "-")) != value:
                return False
        return True


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.root = Tag("", {})
        self._open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        made = Tag(tag, {name: value or "" for name, value in attrs}, tuple(self._open))
        self._open[-1].children.append(made)
        if tag not in VOID:
            self._open.append(made)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open[-1].name == tag, f"</{tag}> closes <{self._open[-1].name}>"
        self._open.pop()

    def handle_data(self, data: str) -> None:
        self._open[-1].children.append(data)


class Page:
    """An answer, read as a person does."""

    def __init__(self, answer: httpx2.Response) -> None:
        self.answer = answer
        self.status = answer.status_code
        self.path = answer.request.url.path
        reader = _Reader()
        reader.feed(answer.text)
        self.root = reader.root

    @property
    def text(self) -> str:
        [body] = self.root.all("body")
        return body.text

    @property
    def title(self) -> str:
        return self.root.all("title")[0].text

    @property
    def heading(self) -> str:
        [heading] = self.root.all("h1")
        return heading.text

    @property
    def notices(self) -> list[str]:
        return [notice.text for notice in self.root.all(class_="kb-notice")]

    @property
    def errors(self) -> dict[str, str]:
        """Field and message, in the order of the summary; each field says the same again."""
        lines = [line for summary in self.root.all(class_="govuk-error-summary") for line in summary.all("a")]
        told = {line.attributes["href"].removeprefix("#"): line.text for line in lines}
        for name, text in told.items():
            [beside] = self.root.all(id=f"{name}-error")
            assert beside.text in (f"Ошибка: {text}", f"Error: {text}"), (beside.text, text)
            assert self.root.all(id=name), f"the summary leads to #{name}, which is not there"
        return told

    def value(self, name: str) -> str:
        """What a field shows."""
        for area in self.root.all("textarea", name=name):
            return "".join(part for part in area.children if isinstance(part, str)).removeprefix("\n")
        inputs = self.root.all("input", name=name)
        chosen = [one for one in inputs if one.attributes.get("type") != "radio" or "checked" in one.attributes]
        return chosen[0].attributes.get("value", "") if chosen else ""

    def has_field(self, name: str) -> bool:
        return bool(self.root.all(id=name))

    def buttons(self) -> list[str]:
        return [one.text for one in self.root.all("button") if one.attributes.get("type") != "button"]

    def href(self, text: str) -> str:
        """Where the link of this text leads."""
        return next(link.attributes["href"] for link in self.root.all("a") if link.text == text)

    def form(self, button: str) -> "tuple[str, dict[str, str]]":
        """The address of the button's form, and what it would send as it stands."""
        pressed = next(
            one
            for one in self.root.all("button")
            if one.text == button and one.attributes.get("type") != "button" and one.attributes.get("tabindex") != "-1"
        )
        [form] = [parent for parent in pressed.parents if parent.name == "form"]
        fields = {one.attributes["name"]: self._sent(one) for one in form.all("input") if self._is_sent(one)}
        fields |= {one.attributes["name"]: self.value(one.attributes["name"]) for one in form.all("textarea")}
        if "name" in pressed.attributes:
            fields[pressed.attributes["name"]] = pressed.attributes.get("value", "")
        return form.attributes["action"], fields

    @staticmethod
    def _is_sent(one: Tag) -> bool:
        return one.attributes.get("type") != "radio" or "checked" in one.attributes

    @staticmethod
    def _sent(one: Tag) -> str:
        return one.attributes.get("value", "")


@dataclass
class Browser:
    """One person's browser at the cabinet's address."""

    http: httpx2.AsyncClient
    language: str = "ru"

    async def open(self, path: str) -> Page:
        """The page, after the redirects that lead to it."""
        return await self._follow(await self.http.get(path, headers=self._headers()))

    async def press(self, page: Page, button: str, /, **typed: str) -> Page:
        """Type into the form of the button, press it, and see what comes."""
        return await self._follow(await self.send(page, button, **typed))

    async def send(self, page: Page, button: str, /, **typed: str) -> httpx2.Response:
        """The answer to the form alone."""
        address, fields = page.form(button)
        headers = self._headers() | {
            "Sec-Fetch-Site": "same-origin",
            "Referer": f"{str(self.http.base_url).rstrip('/')}{page.path}",
        }
        return await self.http.post(address, data=fields | typed, headers=headers)

    async def _follow(self, answer: httpx2.Response) -> Page:
        for _step in range(5):
            if not answer.is_redirect:
                return Page(answer)
            assert answer.status_code == 303, answer
            answer = await self.http.get(answer.headers["location"], headers=self._headers())
        raise AssertionError("redirected without end")

    def _headers(self) -> dict[str, str]:
        return {"Accept-Language": self.language, "User-Agent": PHONE}
