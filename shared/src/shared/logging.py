"""Logging: one JSON line per event, ids bound, secrets and contacts masked before anything is written."""

import logging
import re
import sys
import traceback
from collections.abc import Mapping
from datetime import date
from typing import Any
from uuid import UUID

import structlog

from shared.context import traceparent

SECRET_FIELDS = frozenset(
    "code ticket device phone_proof cookie address reply_to message name amount account_number sealed to to_address "
    "user_agent previous".split()
)
SECRET_WORDS = frozenset("password token secret authorization email emails phone phones login logins".split())
"""Where one of them is a part of a field's name, as in `new_email`, its value is masked too."""
MASK = "***"
_PATTERNS = (
    re.compile(r"(?<=://)[^/\s@]*@"),  # user and password of a URL
    re.compile(r"[^\s@,;:<>\"'=(]{1,64}@[^\s@,;:<>\"')]{1,255}"),  # e-mail addresses
    re.compile(r"(?<![\w-])\+?\d[\d ()-]{8,}\d(?![\w-])"),  # phones, long numbers; ids have letters or hyphens around
    re.compile(r"\beyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_.-]+"),  # JWS and JWE
)


def mask(text: str) -> str:
    """The text without what looks like an address, a phone, a token or a password inside a URL."""
    for pattern in _PATTERNS:
        text = pattern.sub(MASK, text)
    return text


def _secret(name: str) -> bool:
    name = name.lower().replace("-", "_")
    return name in SECRET_FIELDS or not SECRET_WORDS.isdisjoint(name.split("_"))


def _masked(name: str, value: Any) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if _secret(name):
        return MASK
    if isinstance(value, int | float | UUID):
        return value
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {mask(str(key)): _masked(str(key), inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_masked("", inner) for inner in value]
    return mask(str(value))  # also what is no text yet: the renderer would write it out unmasked


def mask_personal(_logger: Any, _method: str, event: structlog.types.EventDict) -> structlog.types.EventDict:
    """The processor that stands last before the renderer, so that nothing is written past it."""
    return {key: value if key == "timestamp" else _masked(key, value) for key, value in event.items()}


_OUR_PACKAGES = frozenset("shared identity verification billing_link notifier portal".split())
_TELLING = (TypeError, AttributeError, NameError, ImportError, RecursionError)


def trace(_logger: Any, _method: str, event: structlog.types.EventDict) -> structlog.types.EventDict:
    """An exception as kinds and places. Its text stands only where it cannot hold what was being worked on.

    A database's or a validator's error quotes values.
    """
    found = event.pop("exc_info", None)
    problem = sys.exc_info()[1] if found is True else found[1] if isinstance(found, tuple) else found
    lines: list[str] = []
    while isinstance(problem, BaseException):
        ours = type(problem).__module__.partition(".")[0] in _OUR_PACKAGES
        text = f": {problem}" if ours or isinstance(problem, _TELLING) else ""
        lines.append(f"{type(problem).__module__}.{type(problem).__name__}{text}")
        frames = traceback.extract_tb(problem.__traceback__)
        lines += [f"  {frame.filename}:{frame.lineno} in {frame.name}" for frame in frames[-12:]]
        problem = problem.__cause__ or (None if problem.__suppress_context__ else problem.__context__)
    if lines:
        event["exception"] = "\n".join(lines)
    return event


def traced(_logger: Any, _method: str, event: structlog.types.EventDict) -> structlog.types.EventDict:
    """The id of the trace that the line belongs to, of a request as of an event that it caused."""
    if (found := traceparent.get()) is not None:
        event.setdefault("trace_id", found[3:35])
    return event


def configure(service: str, level: str = "INFO") -> None:
    """Send structlog and the standard library's logging through the same processors to stdout."""
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        traced,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        trace,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            lambda _l, _m, event: {"service": service, **event},
            mask_personal,
            structlog.processors.JSONRenderer(ensure_ascii=False, default=str),
        ],
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    # Their INFO lines hold paths and queries; ours say the same with route templates and ids.
    for noisy in (
        "uvicorn",
        "uvicorn.error",
        "uvicorn.access",
        "sqlalchemy.engine",
        "shared.database.MeasuredPool",  # SQLAlchemy names a pool's logger for its class
        "httpx",
        "httpx2",
    ):
        logging.getLogger(noisy).handlers = []
        logging.getLogger(noisy).propagate = True
        logging.getLogger(noisy).setLevel("WARNING")
    # It writes errors for what it mends by itself: one at every first start, when the group has no coordinator yet, and
    # several a second while a broker is away. `broker_lost`, `broker_back` and readiness tell what matters.
    logging.getLogger("aiokafka").setLevel("CRITICAL")


def logger(name: str) -> structlog.stdlib.BoundLogger:
    bound: structlog.stdlib.BoundLogger = structlog.get_logger(name)
    return bound
