"""Logging: one JSON line per event, ids bound, secrets and contacts masked before anything is written."""

import logging
import re
import sys
from collections.abc import Mapping
from typing import Any

import structlog

SECRET_FIELDS = frozenset(
    "password password_confirmation current_password password_hash code token ticket access_token refresh_token device "
    "phone_proof secret authorization cookie email phone address login reply_to message name amount account_number "
    "sealed to_address user_agent".split()
)
MASK = "***"
_PATTERNS = (
    re.compile(r"[^\s@,;:<>\"'=(]{1,64}@[^\s@,;:<>\"')]{1,255}"),  # e-mail addresses, and passwords of URLs
    re.compile(
        r"(?<![\w-])\+?\d[\d ()-]{8,}\d(?![\w-])"
    ),  # phones and long numbers; ids have letters or hyphens around
    re.compile(r"\beyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_.-]+"),  # JWS and JWE
)


def mask(text: str) -> str:
    """The text without what looks like an address, a phone, a token or a password inside a URL."""
    for pattern in _PATTERNS:
        text = pattern.sub(MASK, text)
    return text


def _masked(name: str, value: Any) -> Any:
    if name in SECRET_FIELDS and value is not None:
        return MASK
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, Mapping):
        return {key: _masked(str(key), inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_masked("", inner) for inner in value]
    return value


def mask_personal(_logger: Any, _method: str, event: structlog.types.EventDict) -> structlog.types.EventDict:
    """The processor that stands last before the renderer, so that nothing is written past it."""
    return {key: value if key == "timestamp" else _masked(key, value) for key, value in event.items()}


def configure(service: str, level: str = "INFO") -> None:
    """Send structlog and the standard library's logging through the same processors to stdout."""
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
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
        "aiokafka",
        "sqlalchemy.engine",
        "httpx",
        "httpx2",
    ):
        logging.getLogger(noisy).handlers = []
        logging.getLogger(noisy).propagate = True
        logging.getLogger(noisy).setLevel("WARNING")


def logger(name: str) -> structlog.stdlib.BoundLogger:
    bound: structlog.stdlib.BoundLogger = structlog.get_logger(name)
    return bound
