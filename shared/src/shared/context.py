"""What belongs to the request or record that is being served, for logs and events."""

from contextvars import ContextVar
from typing import Literal

Locale = Literal["ru", "en"]

traceparent: ContextVar[str | None] = ContextVar("traceparent", default=None)
locale: ContextVar[Locale] = ContextVar("locale", default="ru")
