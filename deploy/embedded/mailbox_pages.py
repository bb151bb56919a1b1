"""The mailbox's pages for people, in Russian and English, without scripts."""

import re
from datetime import datetime
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Header, HTTPException, Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup, escape

from deploy.embedded.messages import Channel, Messages, receiver

WORDS: dict[str, dict[str, str]] = {
    "ru": {
        "title": "Почта и SMS",
        "intro": "Сюда приходит всё, что отправляет Кабинет на этой машине.",
        "all": "Все",
        "email": "Письма",
        "sms": "SMS",
        "to": "Кому",
        "from": "От",
        "reply_to": "Ответ",
        "subject": "Тема",
        "received": "Получено",
        "find": "Найти",
        "any": "адрес или телефон целиком",
        "none": "Пока ничего нет.",
        "none_to": "На этот адрес или телефон ничего не приходило.",
        "none_email": "Писем пока нет.",
        "none_sms": "SMS пока нет.",
        "missing": "Такого сообщения или страницы нет.",
        "back": "К списку",
        "text": "Текст",
        "headers": "Заголовки",
        "other": "English",
    },
    "en": {
        "title": "Letters and SMS",
        "intro": "All that Kabinet sends on this machine arrives here.",
        "all": "All",
        "email": "Letters",
        "sms": "SMS",
        "to": "To",
        "from": "From",
        "reply_to": "Reply to",
        "subject": "Subject",
        "received": "Received",
        "find": "Find",
        "any": "a whole address or phone",
        "none": "Nothing yet.",
        "none_to": "Nothing has come to this address or phone.",
        "none_email": "No letters yet.",
        "none_sms": "No SMS yet.",
        "missing": "There is no such message or page.",
        "back": "Back to the list",
        "text": "Text",
        "headers": "Headers",
        "other": "Русский",
    },
}
PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'; form-action 'self'; base-uri 'none'"
LETTER_POLICY = (
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'"
)
"""A letter's HTML runs nothing and loads nothing; a link in it opens in a new tab."""

LINK = re.compile(r"https?://[^\s<>\"']+")


def linked(text: str) -> Markup:
    """The text, escaped, with its http links made into links."""
    parts: list[str | Markup] = []
    end = 0
    for found in LINK.finditer(text):
        link = Markup('<a href="{0}" target="_blank" rel="noopener">{0}</a>').format(found.group())
        parts += [escape(text[end : found.start()]), link]
        end = found.end()
    return Markup("").join([*parts, escape(text[end:])])


def local_time(received_at: str) -> str:
    """In this machine's zone, which is named."""
    return datetime.fromisoformat(received_at).astimezone().strftime("%d.%m.%Y %H:%M:%S %Z")


class Pages:
    """The list, one message, and a letter's HTML for the frame."""

    def __init__(self, messages: Messages) -> None:
        self._messages = messages
        self._pages = Environment(loader=FileSystemLoader(Path(__file__).with_name("pages")), autoescape=True)
        self._pages.filters.update(linked=linked, local_time=local_time)
        self.router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
        self.router.get("/")(self.index)
        self.router.get("/messages/{message_id}")(self.message)
        self.router.get("/messages/{message_id}/html")(self.letter)

    def index(
        self,
        to: str = "",
        channel: Channel | None = None,
        lang: str = "",
        accept_language: Annotated[str, Header()] = "",
    ) -> HTMLResponse:
        found = self._messages.of(receiver(to), channel)[:200]
        return self._page("index.html", lang, accept_language, messages=found, to=to, channel=channel or "")

    def message(self, message_id: str, lang: str = "", accept_language: Annotated[str, Header()] = "") -> HTMLResponse:
        if (found := self._messages.find(message_id)) is None:
            raise HTTPException(404)
        return self._page("message.html", lang, accept_language, message=found)

    def letter(self, message_id: str) -> HTMLResponse:
        if (found := self._messages.find(message_id)) is None or found.html is None:
            raise HTTPException(404)
        return HTMLResponse('<base target="_blank">' + found.html, headers={"Content-Security-Policy": LETTER_POLICY})

    def missing(self, request: Request) -> HTMLResponse:
        """What answers 404 to a person."""
        page = self._page(
            "missing.html", request.query_params.get("lang", ""), request.headers.get("accept-language", "")
        )
        page.status_code = 404
        return page

    def _page(self, name: str, lang: str, accept_language: str, **values: object) -> HTMLResponse:
        if lang not in WORDS:
            lang = "en" if accept_language.lower().startswith("en") else "ru"
        page = self._pages.get_template(name).render(words=WORDS[lang], lang=lang, **values)
        return HTMLResponse(page, headers={"Content-Security-Policy": PAGE_POLICY, "X-Content-Type-Options": "nosniff"})
