"""Forms: what was typed, what is wrong with it, and what a refusal of a service means to whoever typed it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from markupsafe import Markup

from portal.refusing import Away, NotDone, Refused
from portal.words import Words
from shared.languages import _

AWAY = _("It is not working right now. Everything you typed is still here: try again in a couple of minutes")
TOO_OLD = _("This page has been open for too long. Press the button once more")
TOO_MANY = _("Too many requests. Try again {time}")
RUNNING = _("The same request is still running. Press the button once more in a moment")

Text = str | Callable[[NotDone, Words], Markup]
"""A msgid, or what says it by the refusal: `lambda refused, words: words(_("…"), …)`."""
Answers = Mapping[str, tuple[str | None, Text]]
"""By the code of a refusal: the field where it is told (`None`: above the page, as a notice) and its text."""
Kind = Literal["ok", "wait", "danger", ""]


@dataclass(frozen=True)
class Notice:
    """What no field can fix, told above the heading."""

    text: Markup
    kind: Kind = "wait"
    more: Markup | None = None
    """A second paragraph."""


@dataclass
class Form:
    """One form as it is shown, sent and shown again. `names`: its fields, in their order on the page."""

    words: Words
    names: Sequence[str]
    values: dict[str, str] = field(default_factory=dict)
    errors: dict[str, Markup] = field(default_factory=dict)
    notice: Notice | None = None
    focus: str = ""
    """The field that the page puts the cursor into, where it comes back for one next field."""
    once: str = ""
    """The same through all tries of one form: with what was typed it makes the Idempotency-Key."""
    status: int = 200
    retry_after: int | None = None

    def typed(self, name: str) -> str:
        """Without spaces around it; a password is taken from `values`, exactly as it came."""
        return self.values.get(name, "").strip()

    def require(self, **msgids: str) -> None:
        """`form.require(login=_("Enter your login"))`: the fields that may not be empty."""
        for name, msgid in msgids.items():
            if not self.typed(name):
                self.wrong(name, msgid)

    def wrong(self, name: str, msgid: str, **values: object) -> None:
        """One message for each field, the first that applies."""
        self.tell(name, self.words(msgid, **values))

    def tell(self, name: str, text: Markup) -> None:
        self.errors.setdefault(name, text)
        self.status = max(self.status, 422) if self.notice is None else self.status

    def is_too_old(self) -> None:
        """It was made for another session: it is shown again, and pressed once more it is right."""
        self.say(Notice(self.words(TOO_OLD)), 403)

    def say(self, notice: Notice, status: int) -> None:
        """Above the heading; the form stays as it is."""
        self.notice, self.status = notice, status

    @property
    def sound(self) -> bool:
        """Whether it may be sent to a service."""
        return not self.errors and self.notice is None

    @property
    def summary(self) -> list[tuple[str, Markup]]:
        """Fields and their messages, in the order of the page."""
        places = {name: place for place, name in enumerate(self.names)}
        return sorted(self.errors.items(), key=lambda one: places.get(one[0], len(places)))

    def refused(self, problem: NotDone, answers: Answers | None = None) -> None:
        """Tell what a service said. What `answers` does not know is told in the service's own words."""
        answers = answers or {}
        if isinstance(problem, Refused) and problem.code == "invalid-fields":
            for one in problem.fields:
                place, text = answers.get(one.code, (one.field, None))
                told = self.words.as_it_came(one.detail) if text is None else self._text(text, problem)
                self._put(place, told, problem)
        elif problem.code in answers:
            place, text = answers[problem.code]
            self._put(place, self._text(text, problem), problem)
        else:
            self._put(None, self._common(problem), problem)

    def _put(self, place: str | None, text: Markup, problem: NotDone) -> None:
        waits = getattr(problem, "retry_after", None)
        if place is not None and place in self.names:
            self.tell(place, text)
        else:
            self.notice = Notice(text)
        limited = isinstance(problem, Refused) and problem.status == 429
        if limited or self.notice is not None:
            self.status = 503 if isinstance(problem, Away) else getattr(problem, "status", 422)
            self.retry_after = waits

    def _text(self, text: Text, problem: NotDone) -> Markup:
        return self.words(text) if isinstance(text, str) else text(problem, self.words)

    def _common(self, problem: NotDone) -> Markup:
        """What every form says alike."""
        if isinstance(problem, Away):
            return self.words(AWAY)
        if isinstance(problem, Refused):
            if problem.status == 429:
                return self.words(TOO_MANY, time=self.words.time_left(problem.retry_after or 60))
            if problem.code == "request-in-flight":
                return self.words(RUNNING)
            if problem.detail:
                return self.words.as_it_came(problem.detail)
        return self.words(AWAY)
