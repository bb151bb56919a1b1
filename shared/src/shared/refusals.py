"""Refusals: an error that a caller can act on, with its status and stable code beside the rule that made it."""

from typing import Any, ClassVar


class Refusal(Exception):
    """Raised by rules and use cases, rendered once, by `shared.http`, as problem+json.

    `detail` is an English msgid that says what to do next. `field` makes it one line of a 422 `invalid-fields`.
    `retry_after` is in seconds. Further keyword arguments become members of the problem.
    """

    status: ClassVar[int] = 422
    code: ClassVar[str]
    detail: ClassVar[str]
    field: ClassVar[str | None] = None

    def __init__(
        self,
        *,
        retry_after: int | None = None,
        headers: dict[str, str] | None = None,
        **members: Any,
    ) -> None:
        super().__init__(self.code)
        self.retry_after = retry_after
        self.headers = headers or {}
        self.members = members


class InvalidFields(Refusal):
    """Several fields refused at once, in the order of the form."""

    code = "invalid-fields"
    detail = "Some fields need your attention."

    def __init__(self, *refusals: Refusal) -> None:
        super().__init__()
        self.refusals = refusals


class Transient(Exception):
    """Something outside is away for a while: whoever waits may try again, nothing is wrong with the request."""


def is_away(problem: BaseException) -> bool:
    """True for what a server that is away or busy raises; `shared.delivering` also knows the database's words."""
    return isinstance(problem, Transient | OSError | TimeoutError)
