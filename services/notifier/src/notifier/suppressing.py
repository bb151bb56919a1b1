"""Suppressing: an address that a server refused for good is not written to again until a letter to it is accepted."""

from dataclasses import dataclass, field

from sqlalchemy import text

from notifier import rules
from notifier.rules import Answer, Outcome
from shared.database import Database
from shared.delivering import is_transient
from shared.keys import PrivateKeys
from shared.logging import logger

_FIND = text("SELECT code FROM suppressed_addresses WHERE address = :address")
_KEEP = text("""
    INSERT INTO suppressed_addresses (address, code) VALUES (:address, :code)
    ON CONFLICT (address) DO UPDATE SET code = excluded.code, since = now()
""")
_LIFT = text("DELETE FROM suppressed_addresses WHERE address = :address")
_log = logger(__name__)


@dataclass(frozen=True)
class Suppression:
    database: Database
    keys: PrivateKeys = field(repr=False)

    def named(self, address: str) -> str:
        """The address as an HMAC, with its key's name before it."""
        key_name, _secret = self.keys.secret("hmac")
        return f"{key_name}:{self.keys.hmac('suppressed address', address.casefold()).hex()}"

    async def find(self, address: str) -> str | None:
        """The reply with which it was refused."""
        async with self.database.transaction() as session:
            found: str | None = await session.scalar(_FIND, {"address": self.named(address)})
            return found

    async def learn(self, address: str, answer: Answer, known: bool) -> None:
        """Never fails for a database that is away: the message has its answer, which must not be lost over this."""
        if answer.outcome is Outcome.REFUSED and rules.hard_bounce(answer.code):
            statement = _KEEP
        elif answer.outcome is Outcome.ACCEPTED and known:
            statement = _LIFT
        else:
            return
        try:
            async with self.database.transaction() as session:
                await session.execute(statement, {"address": self.named(address), "code": answer.code})
        except Exception as problem:
            if not is_transient(problem):
                raise
            _log.warning("suppression_not_kept", cause=type(problem).__name__)
