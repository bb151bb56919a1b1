"""What belongs to the request or record that is being served, for logs and events."""

from contextvars import ContextVar

traceparent: ContextVar[str | None] = ContextVar("traceparent", default=None)
locale: ContextVar[str] = ContextVar("locale", default="ru")
