"""A visit: one request of somebody's browser, with whatever is known of it, and what is answered."""

import hmac
import json
import re
import time
from base64 import b32encode
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import structlog
from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse

from portal.drawers import SECRET, Drawer, new_secret
from portal.forms import Form, Kind
from portal.refusing import Away, FormTooOld, Refused, SessionEnded
from portal.sessions import Tokens, renewed
from portal.web.cookies import DEVICE, LANGUAGE, SESSION, YEAR_SECONDS, Cookies
from portal.web.drafts import Drafts
from portal.wired import Wired
from portal.words import Words
from shared import context
from shared.client import address_of
from shared.context import Locale
from shared.languages import LOCALES, preferred

_SESSION = re.compile(rf"[ps]\.{SECRET.pattern}", re.ASCII)
_LOCAL = re.compile(r"/(?!/)")
SIGNED_IN, ANONYMOUS = "s.", "p."
"""What a session's cookie begins with: whoever shows the first and is not known was signed in once."""


class Visit:
    """Made by `web.routes` before a page's function runs."""

    def __init__(self, request: Request, wired: Wired) -> None:
        self.request = request
        self.wired = wired
        self.settings = wired.settings
        self.cookies = Cookies(request, wired.settings)
        self.drafts = Drafts(self.cookies, wired.redis, wired.settings.draft_seconds)
        self.typed: dict[str, str] = {}
        self.too_old = False
        """The form that came was made for another session: nothing may be changed by it."""
        self.tokens: Tokens | None = None
        self.ended = False
        """The browser was signed in, and is not any more."""
        self.away = False
        """Redis does not answer: who comes is not known."""
        self.kept: dict[str, Any] = {}
        self._deadline: float | None = None
        self.locale = self._language()
        context.locale.set(self.locale)
        self._begin(self._known_session() or ANONYMOUS + new_secret())

    async def open(self) -> None:
        """Read what is kept for this browser."""
        if not self._known_session():
            self.cookies.put(SESSION, self.secret)
            return
        try:
            self.kept = await self.drawer.read()
        except Away:
            self.away = True
            return
        self.tokens = Tokens.kept(self.kept)
        if self.tokens is None and self.secret.startswith(SIGNED_IN):
            self.ended = True
            self._begin_anew(ANONYMOUS)

    # --- who it is

    @property
    def signed_in(self) -> bool:
        return self.tokens is not None

    @property
    def user_id(self) -> str:
        """Of somebody signed in."""
        if self.tokens is None:
            raise SessionEnded
        return self.tokens.user_id

    async def sign_in(self, answer: Mapping[str, Any]) -> None:
        """Take over what `POST /v1/sessions` answered, under a new id: one that was known before opens nothing."""
        before, back, lives = self.drawer, self.kept.get("back"), int(answer["refresh_expires_in"])
        tokens, kept = Tokens.of(answer, answer["user"]["id"]), {"back": back} if back else {}
        secret = SIGNED_IN + new_secret()
        await Drawer(self.wired.redis, "session", secret).write(lives, {"tokens": tokens.as_kept(), **kept})
        self._begin(secret)
        self.cookies.put(SESSION, secret, lives)
        self.tokens, self.kept = tokens, kept
        await before.empty()
        if answer.get("device"):
            self.cookies.put(DEVICE, answer["device"], self.settings.device_days * 86_400)
        self.speak(answer["user"]["locale"])

    async def renew(self) -> None:
        """Go on under a new id, as after a change of the password."""
        before, tokens, lives = self.drawer, self.tokens, await self.drawer.left()
        if tokens is None or not lives:
            raise SessionEnded
        self._begin_anew(SIGNED_IN, lives)
        await self.drawer.write(lives, {"tokens": tokens.as_kept()})
        await before.empty()

    async def leave(self) -> None:
        """Nobody is signed in here any more; what identity knows is another matter."""
        before = self.drawer
        self.tokens, self.kept = None, {}
        self._begin_anew(ANONYMOUS)
        await before.empty()

    def ref(self, account_number: str) -> str:
        """The account in addresses of pages, which hold no account numbers."""
        made = self.wired.keys.hmac("account in an address", self.user_id, account_number)
        return b32encode(made).decode().lower()[:10]

    def speak(self, locale: str) -> None:
        """Pages are in this language from now on, on this device."""
        if locale in LOCALES:
            self.locale = "en" if locale == "en" else "ru"
            context.locale.set(self.locale)
            self.cookies.put(LANGUAGE, locale, YEAR_SECONDS)

    @property
    def words(self) -> Words:
        return self.wired.rendering.words[self.locale]

    # --- what the services say

    async def ask(
        self, service: str, method: str, path: str, body: Any = None, *, once: str = "", wait: float = 0
    ) -> Any:
        """What the service answers to anybody. `once`: a form's, where the call takes an Idempotency-Key.

        Raises `Refused` and `Away`. `wait`: seconds that the call may take beyond the page's own.
        """
        return await self._called(service, method, path, body, {}, once, wait)

    async def own(
        self, service: str, method: str, path: str, body: Any = None, *, once: str = "", wait: float = 0
    ) -> Any:
        """What the service answers to the person who is signed in. Raises `SessionEnded` too."""
        if self.tokens is None:
            raise SessionEnded
        if not self.tokens.fresh:
            await self._renew_tokens(self.tokens)
        used = self.tokens
        try:
            return await self._called(service, method, path, body, _bearer(used), once, wait)
        except Refused as refused:
            if refused.code != "not-authenticated":
                raise
        await self._renew_tokens(used)
        try:
            return await self._called(service, method, path, body, _bearer(self.tokens), once, wait)
        except Refused as refused:
            if refused.code != "not-authenticated":
                raise
            raise SessionEnded from None

    async def _called(
        self, service: str, method: str, path: str, body: Any, headers: dict[str, str], once: str, wait: float
    ) -> Any:
        if self.too_old and method != "GET":
            raise FormTooOld
        if once:
            typed = json.dumps(body, sort_keys=True, ensure_ascii=False)
            made = self.wired.keys.hmac("idempotency", f"{method} {path}", self.secret, once, typed)
            headers["Idempotency-Key"] = made.hex()
        answer = await self.wired.services.call(
            service, method, path, body=body, headers=self._headers() | headers, seconds=self._left(wait)
        )
        return answer.body

    async def _renew_tokens(self, stale: Tokens) -> None:
        tokens, lives = await renewed(self.drawer, stale, self.wired.services, self._headers(), self._left())
        self.tokens = tokens
        if lives is not None:
            self.cookies.put(SESSION, self.secret, lives)

    def _headers(self) -> dict[str, str]:
        """The person's, not the portal's: limits count the address, devices are named by the browser."""
        address = address_of(self.request)
        known = {
            "X-Forwarded-For": None if address is None else str(address),
            "User-Agent": self.request.headers.get("user-agent"),
            "X-Request-Id": self.request_id,
        }
        return {"Accept-Language": self.locale} | {name: value for name, value in known.items() if value}

    @property
    def request_id(self) -> str:
        return str(structlog.contextvars.get_contextvars().get("request_id", ""))

    def _left(self, wait: float = 0) -> float:
        """Of the page's own time, which begins with its first call."""
        if self._deadline is None:
            self._deadline = time.monotonic() + self.settings.page_seconds
        self._deadline += wait
        return max(self._deadline - time.monotonic(), 0.1)

    # --- what was typed

    @property
    def form_token(self) -> str:
        """Bound to the session: a form of another one is told from it."""
        return self.wired.keys.hmac("form", self.secret).hex()

    def is_own_form(self) -> bool:
        return hmac.compare_digest(self.typed.get("form_token", "").encode(), self.form_token.encode())

    def form(self, *names: str, **values: str | None) -> Form:
        """A fresh form with these fields, some of them filled in."""
        filled = {name: value for name, value in values.items() if value}
        return Form(self.words, names, filled, once=new_secret())

    def submitted(self, *names: str) -> Form:
        """The form as it came."""
        once = self.typed.get("once", "")
        form = Form(self.words, names, {name: self.typed.get(name, "") for name in names})
        form.once = once if SECRET.fullmatch(once) else new_secret()
        if self.too_old:
            form.is_too_old()
        return form

    # --- what is answered

    async def page(
        self, template: str, *, form: Form | None = None, status: int = 200, tab: str = "", **shown: Any
    ) -> HTMLResponse:
        """The page in the reader's language. `tab`: `accounts`, `settings` or `feedback`, the current one."""
        flash = await self.taken("flash")
        said = None if flash is None else {"text": self.words(flash["text"], **flash["values"]), "kind": flash["kind"]}
        status = form.status if form is not None else status
        html = self.wired.rendering.page(
            template, self.locale, visit=self, form=form, flash=said, tab=tab, status=status, **shown
        )
        headers = {}
        if status in (429, 503):
            headers["Retry-After"] = str((form.retry_after if form is not None else None) or 60)
        return HTMLResponse(html, status, headers)

    async def go(self, path: str, flash: str = "", kind: Kind = "ok", **values: str) -> RedirectResponse:
        """303 to a page of ours. `flash`: a msgid that the page there shows once, if Redis is there to keep it."""
        assert _LOCAL.match(path), "pages lead to pages of this house"
        if flash:
            with suppress(Away):
                await self.note(flash={"text": flash, "kind": kind, "values": values})
        return RedirectResponse(path, 303)

    async def come_back(self, path: str) -> None:
        """After the sign-in this page is shown."""
        await self.note(back=path)

    async def back(self, otherwise: str = "/accounts") -> str:
        """The page that somebody wanted before the sign-in; known once."""
        return str(await self.taken("back") or otherwise)

    async def note(self, **fields: Any) -> None:
        """Put something into the session: ids, nothing personal. It is in `visit.kept` until it is `taken`."""
        self.kept |= fields
        # A session lives as identity's does, whatever is put into it.
        await self.drawer.write(self.settings.presession_seconds, fields, lengthen=not self.signed_in)

    async def taken(self, name: str) -> Any:
        """What was noted, once."""
        if (found := self.kept.pop(name, None)) is not None:
            await self.drawer.drop(name)
        return found

    # --- its id

    def _known_session(self) -> str:
        value = self.cookies.get(SESSION)
        return value if _SESSION.fullmatch(value) else ""

    def _begin(self, secret: str) -> None:
        self.secret = secret
        self.drawer = Drawer(self.wired.redis, "session", secret)

    def _begin_anew(self, kind: str, seconds: int | None = None) -> None:
        self._begin(kind + new_secret())
        self.cookies.put(SESSION, self.secret, seconds)

    def _language(self) -> Locale:
        chosen = self.cookies.get(LANGUAGE)
        if chosen in LOCALES:
            return "en" if chosen == "en" else "ru"
        return preferred(self.request.headers.get("accept-language"))


def _bearer(tokens: Tokens | None) -> dict[str, str]:
    if tokens is None:
        raise SessionEnded
    return {"Authorization": f"Bearer {tokens.access}"}
